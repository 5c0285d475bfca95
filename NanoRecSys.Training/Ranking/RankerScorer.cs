using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

internal enum RankerUsage
{
    /// <summary>As served: the retriever's top items, by logit and cosine.</summary>
    Served,

    /// <summary>The retriever's top items by the logit alone.</summary>
    Plain,

    /// <summary>The retriever's top items by the logit alone, with all ids hidden: embeddings and inputs derived from them are ignored.</summary>
    NewItems,

    /// <summary>The whole catalog by the logit alone, with ids hidden: the retriever has no influence.</summary>
    NewItemsOfCatalogue,
}

/// <summary>The two stages as a model to evaluate: items that are not the retriever's candidates come last.</summary>
internal sealed class RankerScorer : IScorer, IDisposable
{
    private const int Candidates = 100;

    private readonly BatchEncoder _encoder;
    private readonly RankerNetwork _network;
    private readonly CandidateRanker _ranker;
    private readonly RankerUsage _usage;
    private readonly int _leftOut;

    /// <param name="encoder">The first stage, shared with other models; owned by the caller.</param>
    /// <param name="network">The second stage; ownership is transferred.</param>
    public RankerScorer(
        BatchEncoder encoder, RankerNetwork network, PreparedData data, RankerUsage usage = RankerUsage.Served, PermutedFeature? permuted = null, int leftOut = int.MaxValue)
    {
        (_encoder, _network, _usage, Permuted, _leftOut) = (encoder, network, usage, permuted, leftOut);
        _ranker = new CandidateRanker(network, encoder.ItemEmbeddings, permuted?.Apply(data.Catalog) ?? data.Catalog);
    }

    public string Name => NameOf(_usage) + (Permuted is { } feature ? $" ({feature.Name} permuted)" : "");

    /// <summary>Null: nothing is permuted.</summary>
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
        UserCandidates[] users = UserCandidates.Find(_encoder, histories, Depth ?? _encoder.Items, _leftOut);
        CandidateList[] lists = _ranker.Rank(users, _usage is RankerUsage.NewItems or RankerUsage.NewItemsOfCatalogue ? 0 : int.MaxValue);
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
        _ranker.Dispose();
        _network.Dispose();
    }
}

/// <summary>A ranker with its item inputs, trained or to be trained.</summary>
internal sealed class CandidateRanker : IDisposable
{
    internal const int PairsPerPass = 1 << 14; // the activations of this many pairs fit into the cache

    private readonly RankerNetwork _network;

    /// <param name="network">Owned by the caller.</param>
    /// <param name="embeddings">[V, D] the retriever's, L2-normalized; copied.</param>
    public CandidateRanker(RankerNetwork network, Tensor embeddings, Catalog catalog)
    {
        using Tensor onCpu = embeddings.cpu(); // the second stage runs there, whatever device computes the first
        var features = new ItemFeatures(catalog, network.Model.Items);
        _network = network;
        Items = new ItemFeatureTensors(onCpu.clone(), features);
        Signals = new SignalReader(network.Model.Signals, features, onCpu.data<float>().ToArray(), network.Model.Dimension);
    }

    public ItemFeatureTensors Items { get; }
    public SignalReader Signals { get; }

    /// <param name="users">[B]</param>
    /// <param name="knownItems">Items from this row on are new: their embeddings, and inputs derived from them, are ignored.</param>
    /// <returns>[B] with the logits.</returns>
    public CandidateList[] Rank(IReadOnlyList<UserCandidates> users, int knownItems = int.MaxValue)
    {
        _network.eval();
        using var noGradient = no_grad();
        var lists = new CandidateList[users.Count];
        for (int start = 0; start < users.Count;)
        {
            int end = start;
            int pairs = 0;
            while (end < users.Count && (end == start || pairs + users[end].Rows.Length <= PairsPerPass))
            {
                pairs += users[end++].Rows.Length;
            }

            UserCandidates[] batch = [.. users.Skip(start).Take(end - start)];
            float[] logits = Score(batch, pairs, knownItems); // [pairs]
            for (int first = 0; start < end; first += users[start++].Rows.Length)
            {
                lists[start] = new CandidateList(users[start].Rows, users[start].Cosines, logits[first..(first + users[start].Rows.Length)]);
            }
        }

        return lists;
    }

    private float[] Score(UserCandidates[] batch, int pairs, int knownItems)
    {
        if (pairs == 0)
        {
            return [];
        }

        using var scope = NewDisposeScope();
        long[] userOf = [.. batch.SelectMany((user, b) => Enumerable.Repeat((long)b, user.Rows.Length))];
        Tensor users = tensor(batch.SelectMany(user => user.User).ToArray(), [batch.Length, batch[0].User.Length]); // [B, D]
        Tensor rows = tensor(batch.SelectMany(user => Array.ConvertAll(user.Rows, row => (long)row)).ToArray()); // [N]
        Tensor unknown = rows.ge(knownItems).to(float32).unsqueeze(1); // [N, 1]
        Tensor? read = Signals.Count > 0 ? tensor(ReadSignals(batch, pairs), [pairs, Signals.Count]) : null; // [N, S]
        Tensor logits = _network.forward(Items.Gather(users.index_select(0, tensor(userOf)), rows, unknown, read)); // [N]
        return logits.data<float>().ToArray();
    }

    private float[] ReadSignals(UserCandidates[] batch, int pairs)
    {
        var values = new float[pairs * Signals.Count];
        int start = 0;
        foreach (UserCandidates user in batch)
        {
            int length = user.Rows.Length * Signals.Count;
            Signals.Read(user.History.Span, user.Rows, user.Cosines, values.AsSpan(start, length));
            start += length;
        }

        return values;
    }

    public void Dispose() => Items.Dispose();
}

/// <param name="Name">Name in tables and <c>--json</c>: <c>categories</c>, the name of an attribute, or <c>popularity</c>.</param>
/// <param name="Deal">Returns the first item with the second's feature.</param>
internal sealed record PermutedFeature(string Name, Func<CatalogItem, CatalogItem, CatalogItem> Deal)
{
    private const int Seed = 20_230; // arbitrary, but the same for every model

    public static IReadOnlyList<PermutedFeature> Of(Catalog catalog, ItemLayout layout)
    {
        IEnumerable<string> attributes = catalog.Items.SelectMany(item => item.Attributes.Keys).Distinct(StringComparer.OrdinalIgnoreCase)
            .Where(layout.Reads).Order(StringComparer.Ordinal);
        var features = new List<PermutedFeature>();
        if (catalog.Items.Any(item => item.Categories.Count > 0))
        {
            features.Add(new PermutedFeature("categories", (item, other) => item with { Categories = other.Categories }));
        }

        features.AddRange(attributes.Select(name => new PermutedFeature(name, (item, other) => item with { Attributes = Exchange(name, item, other) })));
        features.Add(new PermutedFeature("popularity", (item, other) => item with { Count = other.Count }));
        return features;
    }

    /// <summary>The same items with the feature permuted among them.</summary>
    public Catalog Apply(Catalog catalog)
    {
        int[] from = [.. Enumerable.Range(0, catalog.Count)];
        new Random(Seed).Shuffle(from);
        return new Catalog([.. catalog.Items.Select((item, row) => Deal(item, catalog.Items[from[row]]))]);
    }

    private static Dictionary<string, AttributeValue> Exchange(string name, CatalogItem item, CatalogItem other)
    {
        var attributes = new Dictionary<string, AttributeValue>(item.Attributes, StringComparer.OrdinalIgnoreCase);
        attributes.Remove(name);
        if (other.Attributes.TryGetValue(name, out AttributeValue value))
        {
            attributes.Add(name, value);
        }

        return attributes;
    }
}
