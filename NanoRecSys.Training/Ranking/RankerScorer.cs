using NanoRecSys.Core.Features;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Ranking;

/// <summary>The two stages, as they are served, as a model to evaluate: what the retriever did not bring comes last.</summary>
public sealed class RankerScorer : IScorer, IDisposable
{
    private const int Candidates = 100;

    private readonly UserTower _tower;
    private readonly UserEncoder _encoder;
    private readonly RankerNetwork _network;
    private readonly ItemFeatureTensors _items;
    private readonly CandidateRanker _ranker;

    /// <param name="tower">Owned from here on, like <paramref name="network"/>.</param>
    /// <param name="network">The second stage; its <see cref="RankerModel.RetrieverWeight"/> counts.</param>
    /// <param name="data">What both were trained on.</param>
    public RankerScorer(UserTower tower, RankerNetwork network, PreparedData data)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(data);
        _tower = tower;
        _network = network;
        _encoder = new UserEncoder(tower);
        _items = new ItemFeatureTensors(_encoder.ItemEmbeddings.clone(), new ItemFeatures(data.Catalog, network.Model.Genres));
        _ranker = new CandidateRanker(_encoder, network, _items, Candidates);
    }

    public string Name => "ranker";

    public int? Depth => Candidates;

    /// <exception cref="UserErrorException">One of the two is not trained.</exception>
    public static RankerScorer Open(PreparedData data, Workspace workspace)
    {
        ArgumentNullException.ThrowIfNull(workspace);
        return new RankerScorer(RetrieverFiles.Read(workspace.RetrieverFolder), RankerFiles.Read(workspace.RankerFolder), data);
    }

    public void Score(IReadOnlyList<ReadOnlyMemory<int>> histories, Span<float> scores)
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
        _encoder.Dispose();
        _network.Dispose();
        _tower.Dispose();
    }
}
