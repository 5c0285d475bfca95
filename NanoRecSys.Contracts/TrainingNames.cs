namespace NanoRecSys.Contracts;

/// <summary>Names that the command lines of the training program and of the AppHost both accept.</summary>
public static class TrainingNames
{
    /// <summary>The MovieLens sample in <c>data/movielens-small</c>.</summary>
    public const string Sample = "small";

    public const string DefaultPreset = "quick";

    /// <summary>Datasets that are downloaded from GroupLens.</summary>
    public static IReadOnlyList<string> Datasets { get; } = ["ml-latest-small", "ml-100k", "ml-1m", "ml-20m", "ml-25m"];

    public static IReadOnlyList<string> Presets { get; } = ["quick", "small", "large", "huge", "sparse", "auto", "paper"];
}
