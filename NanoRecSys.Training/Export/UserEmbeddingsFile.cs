using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Export;

/// <summary>What the exported user tower makes of every history that is served: as serving encodes, each alone, in 32 bits.</summary>
internal static class UserEmbeddingsFile
{
    private const int BatchesPerThread = 16; // whole batches are in memory, in the users' order

    /// <param name="path">File to write: float16 [U, D]; zeros for a user without a history.</param>
    /// <param name="tower">The exported graph.</param>
    /// <param name="model">Its configuration.</param>
    /// <param name="histories">Of U users.</param>
    /// <param name="context">For progress and cancellation.</param>
    public static void Write(string path, string tower, ModelInfo model, UserHistories histories, StepContext context)
    {
        using var encoder = new OnnxUserTower(tower, model);
        HalfRows.Write(path, Encode(encoder, model, histories, context), histories.UserCount, model.Dimension);
    }

    private static IEnumerable<float[]> Encode(OnnxUserTower encoder, ModelInfo model, UserHistories histories, StepContext context)
    {
        long now = histories.LastTime; // as serving asks
        var batch = new float[BatchesPerThread * Environment.ProcessorCount][];
        for (int first = 0; first < histories.UserCount; first += batch.Length)
        {
            int count = Math.Min(batch.Length, histories.UserCount - first);
            Parallel.For(0, count, new ParallelOptions { CancellationToken = context.Cancellation }, i =>
            {
                ReadOnlyMemory<int> items = histories.MemoryAt(first + i);
                batch[i] = items.IsEmpty
                    ? new float[model.Dimension]
                    : encoder.Encode([new TimedHistory(items, histories.TimesMemoryAt(first + i), now)]);
            });
            for (int i = 0; i < count; i++)
            {
                yield return batch[i];
            }

            context.Progress.Report(new StepProgress
            {
                Fraction = 0.2 + (0.4 * (first + count) / histories.UserCount),
                Detail = $"{first + count:N0} of {histories.UserCount:N0} users encoded",
            });
        }
    }
}
