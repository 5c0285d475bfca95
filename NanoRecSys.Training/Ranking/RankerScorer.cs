using NanoRecSys.Core.Data;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;

namespace NanoRecSys.Training.Ranking;

/// <summary>How a ranker is evaluated.</summary>
public enum RankerUsage
{
    /// <summary>As it is served: the retriever's best, by logit and cosine.</summary>
    Served,

    /// <summary>The retriever's best by the logit alone.</summary>
    Plain,

    /// <summary>The retriever's best by the logit alone, every item's id hidden: its embedding and what is made of that do not count.</summary>
    NewItems,

    /// <summary>The whole catalogue by the logit alone, ids hidden: the retriever has no say.</summary>
    NewItemsOfCatalogue,
}

/// <summary>The two stages as a model to evaluate: what the retriever did not bring comes last.</summary>
public sealed class RankerScorer : IScorer, IDisposable
{
    private const int Candidates = 100;

    private readonly BatchEncoder _encoder;
    private readonly RankerNetwork _network;
    private readonly RankerParts _parts;
    private readonly CandidateFinder _finder;
    private readonly RankerUsage _usage;

    /// <param name="encoder">The first stage, shared with other models; owned by the caller.</param>
    /// <param name="network">The second stage, owned from here on.</param>
    /// <param name="data">What both were trained on.</param>
    /// <param name="usage">What counts.</param>
    /// <param name="permuted">A feature that is dealt to other items at random: what is lost is what the ranker makes of it.</param>
    /// <param name="leftOut">Of a history's items, the latest so many are no candidates.</param>
    public RankerScorer(
        BatchEncoder encoder, RankerNetwork network, PreparedData data, RankerUsage usage = RankerUsage.Served, PermutedFeature? permuted = null, int leftOut = int.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(encoder);
        ArgumentNullException.ThrowIfNull(network);
        (_encoder, _network, _usage, Permuted) = (encoder, network, usage, permuted);
        _parts = new RankerParts(network, encoder.ItemEmbeddings, permuted is { } feature ? FeaturePermutation.Apply(feature, data.Catalog) : data.Catalog);
        _finder = new CandidateFinder(encoder, usage == RankerUsage.NewItemsOfCatalogue ? encoder.Items : Candidates, leftOut);
    }

    public string Name => NameOf(_usage) + (Permuted is { } feature ? $" ({feature.ToString().ToLowerInvariant()} permuted)" : "");

    /// <summary>Null: every item has its own features.</summary>
    public PermutedFeature? Permuted { get; }

    public int? Depth => _usage == RankerUsage.NewItemsOfCatalogue ? null : Candidates;

    public static string NameOf(RankerUsage usage) => usage switch
    {
        RankerUsage.Plain => "ranker-plain",
        RankerUsage.NewItems => "ranker-new-items",
        RankerUsage.NewItemsOfCatalogue => "ranker-new-items-all",
        _ => "ranker",
    };

    public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores)
    {
        scores.Fill(float.NegativeInfinity);
        CandidateList[] lists = _parts.Ranker.Rank(_finder.Find(histories), _usage is RankerUsage.NewItems or RankerUsage.NewItemsOfCatalogue ? 0 : int.MaxValue);
        double weight = _usage == RankerUsage.Served ? _network.Model.RetrieverWeight : 0;
        for (int b = 0; b < lists.Length; b++)
        {
            float[] fused = lists[b].Fuse(weight);
            for (int i = 0; i < fused.Length; i++)
            {
                scores[b * _encoder.Items + lists[b].Rows[i]] = fused[i];
            }
        }
    }

    public void Dispose()
    {
        _parts.Dispose();
        _network.Dispose();
    }
}
