namespace NanoRecSys.Web.Components.Timing;

/// <summary>Bar positions of a request's stages, 0 to 100 percent of the request.</summary>
/// <param name="Bars">In the order of the stages.</param>
public sealed record Waterfall(double TotalMs, IReadOnlyList<WaterfallBar> Bars)
{
    public const double MinWidthPercent = 0.8; // thinner bars would be invisible

    /// <param name="stages">Start and length of each stage, relative to the request, in order of start.</param>
    /// <param name="totalMs">Length of the whole request; if null or too short, the end of its last stage.</param>
    public static Waterfall From(IReadOnlyList<StageTiming> stages, double? totalMs = null)
    {
        double end = stages.Count == 0 ? 0 : stages.Max(stage => stage.StartMs + stage.DurationMs);
        double total = Math.Max(totalMs ?? 0, end);
        return new Waterfall(total, [.. Gap.Fill(stages, total).Select(stage => Place(stage, total))]);
    }

    private static WaterfallBar Place(StageTiming stage, double total)
    {
        double scale = total > 0 ? 100 / total : 0;
        double width = Math.Clamp(stage.DurationMs * scale, MinWidthPercent, 100);
        double left = Math.Clamp(stage.StartMs * scale, 0, 100 - width);
        return new WaterfallBar(stage.Stage, left, width, stage.DurationMs);
    }
}

public sealed record WaterfallBar(string Stage, double LeftPercent, double WidthPercent, double DurationMs);

public static class Stages
{
    public static string Color(string stage) => stage switch
    {
        "cache.get" or "cache.set" => "var(--stage-cache)",
        "history" => "var(--stage-history)",
        "encode" => "var(--stage-encode)",
        "retrieve" => "var(--stage-retrieve)",
        "rank" => "var(--stage-rank)",
        "explain" => "var(--stage-explain)",
        "total" => "var(--text)",
        Gap.Name => "color-mix(in srgb, var(--text-soft) 45%, transparent)",
        _ => "var(--stage-other)",
    };

    public static string Meaning(string stage) => stage switch
    {
        "cache.get" => "Looks for this answer in the API's memory, then in Redis",
        "queue" => "Waits for a free compute slot",
        "shared" => "Waits for another request that computes the same answer",
        "history" => "Reads the user's history",
        "encode" => "Runs the transformer over the history",
        "retrieve" => "Finds the nearest items in the vector index",
        "rank" => "Orders the candidates with the ranker",
        "explain" => "Measures the reasons: what would change without each item of the history",
        "cache.set" => "Caches the answer for the next request",
        "total" => "The whole request",
        Gap.Name => "Between the stages: writing the answer, or waiting for a processor",
        _ => stage,
    };
}

/// <summary>
/// The longest gap between stages of a request, such as computing reasons, waiting for a processor, or writing the answer. It is
/// drawn like a stage, so that the bars add up to the request's duration.
/// </summary>
public static class Gap
{
    public const string Name = "other";
    private const double LeastMs = 1;
    private const double LeastShare = 0.1; // a shorter gap is not worth a line

    /// <returns>The stages, including the gap if it is long enough.</returns>
    public static IReadOnlyList<StageTiming> Fill(IReadOnlyList<StageTiming> stages, double totalMs)
    {
        if (stages.Count == 0)
        {
            return stages;
        }

        (int Place, double Start, double Length) longest = (0, 0, 0);
        double ended = 0;
        for (int i = 0; i <= stages.Count; i++)
        {
            double until = i < stages.Count ? stages[i].StartMs : totalMs;
            if (until - ended > longest.Length)
            {
                longest = (i, ended, until - ended);
            }

            ended = i < stages.Count ? Math.Max(ended, stages[i].StartMs + stages[i].DurationMs) : ended;
        }

        return longest.Length > Math.Max(LeastMs, LeastShare * totalMs)
            ? [.. stages.Take(longest.Place), new StageTiming(Name, longest.Start, longest.Length), .. stages.Skip(longest.Place)]
            : stages;
    }
}
