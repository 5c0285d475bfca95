namespace NanoRecSys.Core.Events;

/// <summary>What a user can do with a movie.</summary>
public static class EventTypes
{
    public const string Watch = "watch";
    public const string Rate = "rate";
    public const string Like = "like";

    /// <summary>Excludes the movie from then on; the model does not read it, and training leaves it out.</summary>
    public const string Dislike = "dislike";

    public static readonly IReadOnlyList<string> All = [Watch, Rate, Like, Dislike];
}
