using NanoRecSys.Core.Data;
using NanoRecSys.Core.Features;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>The two stages, as they are served, as a model to evaluate: what the retriever did not bring comes last.</summary>
public sealed class RankerScorer : IScorer, IDisposable
{
    private const int Candidates = 100;

    private readonly BatchEncoder _encoder;
    private readonly RankerNetwork _network;
    private readonly ItemFeatureTensors _items;
    private readonly CandidateRanker _ranker;

    /// <param name="encoder">The first stage, shared with other models; owned by the caller.</param>
    /// <param name="network">The second stage, owned from here on; its <see cref="RankerModel.RetrieverWeight"/> counts.</param>
    /// <param name="data">What both were trained on.</param>
    public RankerScorer(BatchEncoder encoder, RankerNetwork network, PreparedData data)
    {
        ArgumentNullException.ThrowIfNull(encoder);
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(data);
        _encoder = encoder;
        _network = network;
        using Tensor embeddings = encoder.ItemEmbeddings.cpu(); // the second stage stays there, whatever computes the first
        _items = new ItemFeatureTensors(embeddings.clone(), new ItemFeatures(data.Catalog, network.Model.Genres));
        _ranker = new CandidateRanker(encoder, network, _items, Candidates);
    }

    public string Name => "ranker";

    public int? Depth => Candidates;

    public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores)
    {
        scores.Fill(float.NegativeInfinity);
        CandidateList[] lists = _ranker.Rank(histories);
        for (int b = 0; b < lists.Length; b++)
        {
            float[] fused = lists[b].Fuse(_network.Model.RetrieverWeight);
            for (int i = 0; i < fused.Length; i++)
            {
                scores[b * _encoder.Items + lists[b].Rows[i]] = fused[i];
            }
        }
    }

    public void Dispose()
    {
        _items.Dispose();
        _network.Dispose();
    }
}
