using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Export.Map;

/// <summary>Each row's nearest others.</summary>
public static class NearestNeighbours
{
    /// <param name="index">Of V rows.</param>
    /// <param name="k">Neighbours of each; as many as there are where V is small.</param>
    /// <param name="context">Rows are searched side by side on its threads.</param>
    /// <returns>[V][K] rows, the nearest first, never the row itself.</returns>
    public static int[][] OfEach(FlatIndex index, int k, StepContext context)
    {
        ArgumentNullException.ThrowIfNull(index);
        ArgumentNullException.ThrowIfNull(context);
        var neighbours = new int[index.Count][];
        var side = new ParallelOptions { MaxDegreeOfParallelism = context.Threads, CancellationToken = context.Cancellation };
        Parallel.For(0, index.Count, side, row =>
        {
            var found = new Candidate[Math.Min(k + 1, index.Count)]; // The row finds itself, too.
            int count = index.Search(index.Vectors.Slice(row * index.Dimension, index.Dimension), RowFilter.None, found);
            neighbours[row] = [.. found[..count].Select(candidate => candidate.Row).Where(other => other != row).Take(k)];
        });
        return neighbours;
    }
}
