using NanoRecSys.Core.Data;
using NanoRecSys.Training.Evaluation;

namespace NanoRecSys.Benchmarks.Evaluation;

/// <summary>How much a model computes to score.</summary>
internal sealed class TimedScorer(TimedScorer.Scoring score) : IScorer
{
    public delegate void Scoring(IReadOnlyList<TimedHistory> histories, Span<float> scores);

    public string Name => "timed";

    /// <summary>Of all processors, in all batches together: it does not depend on what else the machine does.</summary>
    public double Seconds { get; private set; }

    public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores)
    {
        TimeSpan start = Environment.CpuUsage.TotalTime;
        score(histories, scores);
        Seconds += (Environment.CpuUsage.TotalTime - start).TotalSeconds;
    }
}
