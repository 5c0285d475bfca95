using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Indexing;

/// <summary>What <c>expand</c> can be told.</summary>
/// <param name="Rows">Rows to make.</param>
/// <param name="Output">The <c>.npy</c> file to write.</param>
/// <param name="Source">[rows, D] as <c>.npy</c>; null: the exported item embeddings.</param>
public sealed record ExpandOptions(long Rows, string Output, string? Source = null);

/// <summary>What <c>expand</c> made.</summary>
/// <param name="Path">The file.</param>
/// <param name="Rows">Its rows.</param>
/// <param name="Dimension">D</param>
/// <param name="Bytes">Its size.</param>
public sealed record ExpandSummary(string Path, long Rows, int Dimension, long Bytes);

/// <summary>Item embeddings in, many more that are like them out.</summary>
public static class ExpandStep
{
    /// <exception cref="UserErrorException">The embeddings cannot be read.</exception>
    public static Task<ExpandSummary> RunAsync(ExpandOptions options, StepContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        string source = options.Source ?? Path.Combine(context.Workspace.ExportFolder, ArtifactNames.ItemEmbeddings);
        float[] values;
        int dimension;
        try
        {
            (values, dimension) = NpyFile.Read(source);
            FiniteRows.Require(values, dimension, source);
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            throw new UserErrorException($"The embeddings cannot be read: {e.Message} Run 'export' first, or name a float32 .npy file with --vectors.", e);
        }

        if (values.Length == 0)
        {
            throw new UserErrorException($"{source} has no rows to make others from.");
        }

        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(options.Output))!);
        var control = new BuildControl(
            (int)context.Seed, context.Threads, share => context.Progress.Report(new StepProgress { Fraction = share }), context.Cancellation);
        EmbeddingExpansion.Write(values, dimension, options.Rows, options.Output, control);
        return Task.FromResult(new ExpandSummary(options.Output, options.Rows, dimension, new FileInfo(options.Output).Length));
    }
}
