using NanoRecSys.Core.Data;
using NanoRecSys.Core.Features;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>A ranker with what it reads of the items: trained or to be trained.</summary>
public sealed class RankerParts : IDisposable
{
    /// <param name="network">Owned by the caller.</param>
    /// <param name="embeddings">[V, D] the retriever's, L2-normalised; copied.</param>
    /// <param name="catalog">Whose V items they are.</param>
    public RankerParts(RankerNetwork network, Tensor embeddings, Catalog catalog)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(embeddings);
        ArgumentNullException.ThrowIfNull(catalog);
        using Tensor onCpu = embeddings.cpu(); // the second stage stays there, whatever computes the first
        var features = new ItemFeatures(catalog, network.Model.Genres);
        Items = new ItemFeatureTensors(onCpu.clone(), features);
        Signals = new SignalReader(network.Model.Signals, features, onCpu.data<float>().ToArray(), network.Model.Dimension);
        Ranker = new CandidateRanker(network, Items, Signals);
    }

    public ItemFeatureTensors Items { get; }

    public SignalReader Signals { get; }

    public CandidateRanker Ranker { get; }

    public void Dispose() => Items.Dispose();
}
