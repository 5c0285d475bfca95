using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Indexing;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Export;

/// <summary>Builds the index that was asked for, or measures several kinds and takes the fastest that finds enough.</summary>
/// <param name="options">What was asked for.</param>
/// <param name="exact">All items.</param>
/// <param name="recall">Of the hundred nearest, on queries of real users.</param>
/// <param name="context">Seed, threads, progress.</param>
internal sealed class IndexChoice(IndexOptions options, FlatIndex exact, IndexRecall recall, StepContext context)
{
    // Not hnsw: its graph takes minutes to build where lists take seconds; it can be asked for.
    private static readonly string[] MeasuredKinds = [IndexKinds.IvfFlat, IndexKinds.IvfScalar];

    /// <returns>The index and its shape, set to the width that reaches the recall asked for.</returns>
    public (IVectorIndex Index, IndexShape Shape) Make()
    {
        if (options.Kind != IndexOptions.Auto)
        {
            return Build(options.Kind, 0, 1);
        }

        if (exact.Count < options.FlatBelow)
        {
            Tell($"{exact.Count:N0} items: flat, which is exact and fast enough below {options.FlatBelow:N0}");
            return (exact, new IndexShape(IndexKinds.Flat));
        }

        (IVectorIndex Index, IndexShape Shape) best = (exact, new IndexShape(IndexKinds.Flat));
        double bestMs = recall.MeasureLatency(exact);
        Tell($"flat: exact, {bestMs:F3} ms");
        for (int i = 0; i < MeasuredKinds.Length; i++)
        {
            (IVectorIndex Index, IndexShape Shape) next = Build(MeasuredKinds[i], (double)i / MeasuredKinds.Length, (i + 1.0) / MeasuredKinds.Length);
            double found = recall.Measure(next.Index);
            double ms = recall.MeasureLatency(next.Index);
            Tell($"{next.Shape}: recall@100 {found:P2}, {ms:F3} ms at {SearchWidth.NameOf(next.Index)} {SearchWidth.Of(next.Index)}");
            if (found >= options.Recall && ms < bestMs)
            {
                (best, bestMs) = (next, ms);
            }
        }

        return best;
    }

    private (IVectorIndex Index, IndexShape Shape) Build(string kind, double from, double to)
    {
        IndexShape shape = DefaultShapes.For(kind, exact.Count, exact.Dimension, options.Lists, options.Parts, options.Edges);
        if (kind == IndexKinds.Flat)
        {
            return (exact, shape);
        }

        var control = new BuildControl(
            (int)context.Seed, context.Threads, share => context.Progress.Report(new StepProgress { Fraction = from + 0.9 * share * (to - from) }), context.Cancellation);
        IVectorIndex index = IndexBuilder.Build(exact.Rows, exact.Dimension, shape, exact.Metric, control);
        if (options.Width is int width)
        {
            SearchWidth.Set(index, width);
        }
        else
        {
            SearchWidth.Tune(index, () => recall.Measure(index), options.Recall, recall.K);
        }

        return (index, shape);
    }

    private void Tell(string message) => context.Progress.Report(new StepProgress { Message = message });
}
