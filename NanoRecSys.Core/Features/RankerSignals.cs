namespace NanoRecSys.Core.Features;

/// <summary>
/// What a ranker may read of a user and a candidate beside their embeddings. Each is about -1..1, and 0 says nothing.
/// </summary>
public static class RankerSignals
{
    /// <summary>The retriever's score.</summary>
    public const string Cosine = "cosine";

    /// <summary>Nearness to the last items of the history, the last one counting most.</summary>
    public const string Recent = "recent";

    /// <summary>How far the candidate's genres are those of the history.</summary>
    public const string Genres = "genres";

    /// <summary>How near the candidate's year is to those of the history.</summary>
    public const string Years = "years";

    /// <summary>In the order in which <see cref="HistoryProfile"/> writes them.</summary>
    public static readonly IReadOnlyList<string> All = [Cosine, Recent, Genres, Years];

    /// <summary>Does the signal need the candidate's trained embedding? A new item has none, and the signal is 0.</summary>
    public static bool NeedsEmbedding(string signal) => signal is Cosine or Recent;
}
