using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Web.Components.Timing;

/// <summary>Positions of the bars of a request's stages, 0 to 100 percent of the request.</summary>
/// <param name="TotalMs">The scale's end.</param>
/// <param name="Bars">In the order of the stages.</param>
public sealed record Waterfall(double TotalMs, IReadOnlyList<WaterfallBar> Bars)
{
    /// <summary>Thinner bars would be invisible.</summary>
    public const double MinWidthPercent = 0.8;

    /// <param name="stages">Start and length of each stage since the request began, in the order they began.</param>
    /// <param name="totalMs">Length of the whole request; null or too short: the end of its last stage.</param>
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
