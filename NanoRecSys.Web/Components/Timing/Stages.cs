namespace NanoRecSys.Web.Components.Timing;

/// <summary>Names and colours of a request's stages.</summary>
public static class Stages
{
    /// <summary>The CSS colour of a stage, the same on every page.</summary>
    public static string Color(string stage) => stage switch
    {
        "cache.get" or "cache.set" => "var(--stage-cache)",
        "history" => "var(--stage-history)",
        "encode" => "var(--stage-encode)",
        "retrieve" => "var(--stage-retrieve)",
        "rank" => "var(--stage-rank)",
        "explain" => "var(--stage-explain)",
        "total" => "var(--mud-palette-text-primary)",
        Gap.Name => "color-mix(in srgb, var(--mud-palette-text-secondary) 45%, transparent)",
        _ => "var(--stage-other)",
    };

    /// <summary>What a stage does, for a tooltip.</summary>
    public static string Meaning(string stage) => stage switch
    {
        "cache.get" => "Looks for this answer in the API's memory, then in Redis",
        "queue" => "Waits for its turn to be computed",
        "shared" => "Waits for another request that computes the same answer",
        "history" => "Gathers what the user has seen",
        "encode" => "Runs the transformer over the history",
        "retrieve" => "Finds the nearest movies in the vector index",
        "rank" => "Orders the candidates with the ranker",
        "explain" => "Measures the reasons: what would change without each movie of the history",
        "cache.set" => "Keeps the answer for the next time",
        "total" => "The whole request",
        Gap.Name => "Between the stages: the answer's text, or waiting for a processor",
        _ => stage,
    };
}
