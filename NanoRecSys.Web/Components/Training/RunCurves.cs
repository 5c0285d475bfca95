using NanoRecSys.Core.Contracts;
using NanoRecSys.Web.Components.Elements;

namespace NanoRecSys.Web.Components.Training;

/// <summary>Validation NDCG@10 of several runs by epoch, in a field of 100 by 100.</summary>
/// <param name="Highest">NDCG at the top.</param>
/// <param name="LastEpoch">At the right.</param>
/// <param name="Lines">Points of a polyline for each run that measured anything.</param>
public sealed record RunCurves(double Highest, int LastEpoch, IReadOnlyList<(string Run, string Points)> Lines)
{
    public static RunCurves From(IEnumerable<RunSummary> runs)
    {
        RunSummary[] drawn = [.. runs.Where(run => run.Epochs.Count > 0)];
        if (drawn.Length == 0)
        {
            return new RunCurves(0, 0, []);
        }

        double highest = Math.Max(drawn.Max(run => run.Epochs.Max(epoch => epoch.Ndcg)), 1e-9);
        int last = Math.Max(drawn.Max(run => run.Epochs.Max(epoch => epoch.Epoch)), 2);
        return new RunCurves(highest, last, [.. drawn.Select(run => (run.Run, Points(run.Epochs, highest, last)))]);
    }

    private static string Points(IReadOnlyList<EpochFigures> epochs, double highest, int last) => string.Join(' ', (epochs.Count == 1 ? [epochs[0], epochs[0]] : epochs)
        .Select(epoch => $"{Text.Css(Math.Round(100.0 * (epoch.Epoch - 1) / (last - 1), 2))},{Text.Css(Math.Round(98 - 94 * epoch.Ndcg / highest, 2))}"));
}
