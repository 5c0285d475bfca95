using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Features;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Ranking;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Export;

/// <summary>The trained ranker as <c>ranker.onnx</c>, with <c>ranker.json</c> beside it.</summary>
internal static class RankerExport
{
    /// <summary>As many as serving ranks at a time.</summary>
    private const int Candidates = 100;

    /// <summary>Share of the candidates that are compared as new items, whose embedding does not count.</summary>
    private const double UnknownShare = 0.1;

    /// <summary>A ranker reads the embeddings of one retriever; one that is older than the retriever read another's.</summary>
    public static bool IsOfThisRetriever(Workspace workspace)
    {
        string ranker = Path.Combine(workspace.RankerFolder, RankerFiles.WeightsName);
        string retriever = Path.Combine(workspace.RetrieverFolder, RetrieverFiles.WeightsName);
        return File.Exists(ranker) && File.GetLastWriteTimeUtc(ranker) >= File.GetLastWriteTimeUtc(retriever);
    }

    /// <returns>How far the graph's logits stray, over every history with <see cref="Candidates"/> random items each.</returns>
    public static ParityInfo Write(Workspace workspace, Catalog catalog, UserEncoder encoder, TrainedWeights weights, TimedHistory[] histories, long seed)
    {
        using RankerNetwork network = RankerFiles.Read(workspace.RankerFolder);
        int dimension = (int)encoder.ItemEmbeddings.shape[1];
        if (network.Model.Dimension != dimension)
        {
            throw new UserErrorException($"The ranker reads embeddings of {network.Model.Dimension} dimensions, the retriever has {dimension}. Run 'train-ranker' again.");
        }

        string path = Path.Combine(workspace.ExportFolder, ArtifactNames.Ranker);
        RankerGraph.Write(path, dimension, weights.Tensors, network.Model.Signals);
        File.Copy(Path.Combine(workspace.RankerFolder, RankerFiles.ModelName), Path.Combine(workspace.ExportFolder, RankerFiles.ModelName));
        using var exported = new OnnxRanker(path);
        return Parity.Require(ArtifactNames.Ranker, Compare(exported, network, catalog, encoder, histories, new Random((int)seed)));
    }

    private static ParityInfo Compare(
        OnnxRanker exported, RankerNetwork network, Catalog catalog, UserEncoder encoder, TimedHistory[] histories, Random random)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var items = new ItemFeatureTensors(encoder.ItemEmbeddings.clone(), new ItemFeatures(catalog, network.Model.Genres));
        Tensor users = encoder.Encode(histories); // [B, D]
        int signalCount = network.Model.Signals.Count;
        double largest = 0;
        for (int b = 0; b < histories.Length; b++)
        {
            using var userScope = NewDisposeScope();
            long[] rows = [.. Enumerable.Range(0, Candidates).Select(_ => (long)random.Next(catalog.Count))];
            float[] unknown = [.. rows.Select(_ => random.NextDouble() < UnknownShare ? 1f : 0f)];
            float[] signals = [.. Enumerable.Range(0, Candidates * signalCount).Select(_ => 2 * random.NextSingle() - 1)];
            RankerInputs inputs = items.Gather(
                users[b..(b + 1)], tensor(rows), tensor(unknown, [Candidates, 1]),
                signalCount > 0 ? tensor(signals, [Candidates, signalCount]) : null, network.ItemTable);
            float[] expected = network.forward(inputs).data<float>().ToArray(); // [C]
            largest = Math.Max(largest, Parity.MaxAbsDifference(exported.Score(inputs), expected));
        }

        return new ParityInfo(largest, histories.Length * Candidates, Parity.Tolerance);
    }
}
