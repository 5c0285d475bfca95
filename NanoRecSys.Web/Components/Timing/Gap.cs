using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Web.Components.Timing;

/// <summary>
/// The longest time of a request in which no stage ran: reasons, waiting for a processor, writing the answer. It is
/// drawn like a stage, so that the bars add up to the request's duration.
/// </summary>
public static class Gap
{
    public const string Name = "other";
    private const double LeastMs = 1;
    private const double LeastShare = 0.1; // less would only be one more line to read

    /// <param name="stages">In the order they began.</param>
    /// <param name="totalMs">Length of the whole request.</param>
    /// <returns>The stages, with the gap at its place if it is worth a line.</returns>
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
