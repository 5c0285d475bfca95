using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>The second stage: an MLP over a user, an item, their product, the item's content, and signals that compare it with the user's
/// history. Its weights are <c>genre_embeddings.weight</c> for all categories, <c>year_embeddings.weight</c> if there are years of release,
/// <c>number_embeddings.0.weight</c> ... for other numbers, <c>mlp.0.weight</c> ..., <c>output.weight</c>.</summary>
internal sealed class RankerNetwork : nn.Module<RankerInputs, Tensor>
{
    public const int CategoryWidth = 16;
    public const int NumberWidth = 8;

    [ComponentName(Name = "genre_embeddings")]
    private readonly Embedding _categories; // [G, 16]
    [ComponentName(Name = "year_embeddings")]
    private readonly Embedding? _years; // [6, 8]
    [ComponentName(Name = "number_embeddings")]
    private readonly ModuleList<Embedding> _numbers; // [buckets, 8] each
    [ComponentName(Name = "mlp")]
    private readonly Sequential _mlp;
    [ComponentName(Name = "output")]
    private readonly Linear _output; // last hidden width -> 1
    private readonly Tensor? _hiddenSignals; // [S] 1 for signals that an unknown item does not have

    public RankerNetwork(RankerModel model)
        : base(nameof(RankerNetwork))
    {
        Model = model;
        IReadOnlyList<NumberLayout> numbers = model.Items.Numbers;
        _categories = nn.Embedding(Math.Max(1, model.Items.Categories.Count), CategoryWidth);
        _years = numbers is [{ IsYear: true } year, ..] ? nn.Embedding(year.Buckets, NumberWidth) : null;
        _numbers = new ModuleList<Embedding>([.. numbers.Skip(_years is null ? 0 : 1).Select(number => nn.Embedding(number.Buckets, NumberWidth))]);
        var layers = new List<nn.Module<Tensor, Tensor>>();
        int width = 3 * model.Dimension + 1 + numbers.Count * NumberWidth + CategoryWidth + 1 + model.Signals.Count;
        foreach (int hidden in model.Hidden)
        {
            layers.AddRange([nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(model.Dropout)]);
            width = hidden;
        }

        _mlp = nn.Sequential(layers);
        _output = nn.Linear(width, 1);
        _hiddenSignals = model.Signals.Count > 0 ? tensor(model.Signals.Select(signal => RankerSignals.NeedsEmbedding(signal) ? 1f : 0f).ToArray()) : null;
        RegisterComponents();
    }

    public RankerModel Model { get; }

    /// <summary>[1] the bias of the logit.</summary>
    public Parameter OutputBias => _output.bias!;

    /// <returns>[B] logits; their sigmoid is the estimated probability that the item is the next one.</returns>
    public override Tensor forward(RankerInputs inputs)
    {
        using var scope = NewDisposeScope();
        Tensor items = inputs.Items * (1 - inputs.Unknown); // [B, D]
        Tensor users = inputs.Users.expand_as(items); // [B, D]
        Tensor categoryCount = inputs.Categories.sum(1, keepdim: true).clamp_min(1); // [B, 1]
        Tensor categories = inputs.Categories.matmul(_categories.weight!) / categoryCount; // [B, G] x [G, 16] -> [B, 16]
        IEnumerable<Embedding> tables = _years is null ? _numbers : _numbers.Prepend(_years);
        Tensor[] numbers = [.. tables.Select((table, n) => table.forward(inputs.Numbers.select(1, n)))]; // N x [B, 8]
        Tensor[] parts = [users, items, users * items, inputs.Popularity, .. numbers, categories, inputs.Unknown];
        if (_hiddenSignals is not null)
        {
            parts = [.. parts, inputs.Signals! * (1 - inputs.Unknown * _hiddenSignals)]; // [B, S]
        }

        Tensor x = cat(parts, 1); // [B, 3D + 18 + 8N + S]
        return _output.forward(_mlp.forward(x)).squeeze(1).MoveToOuterDisposeScope(); // [B]
    }
}

/// <summary>Describes a trained ranker: <c>ranker.json</c>, next to its weights.</summary>
/// <param name="Items">Its item inputs; in the published layout, genres and the year.</param>
/// <param name="RetrieverWeight">Served score = sigmoid(logit + weight * cosine); chosen on validation.</param>
internal sealed record RankerModel(
    int Dimension, IReadOnlyList<int> Hidden, ItemLayout Items, double Dropout, double RetrieverWeight)
{
    /// <summary>Signals from <see cref="RankerSignals.Of"/>; empty in the published layout.</summary>
    public IReadOnlyList<string> Signals { get; init; } = [];

    /// <summary>Hash of the weights of the retriever it was trained for, in lower-case hex; null in files of earlier versions.</summary>
    public string? RetrieverSha256 { get; init; }
}

/// <summary>A ranker with its item inputs, trained or to be trained.</summary>
internal sealed class RankerParts : IDisposable
{
    /// <param name="network">Owned by the caller.</param>
    /// <param name="embeddings">[V, D] the retriever's, L2-normalized; copied.</param>
    public RankerParts(RankerNetwork network, Tensor embeddings, Catalog catalog)
    {
        using Tensor onCpu = embeddings.cpu(); // the second stage runs there, whatever device computes the first
        var features = new ItemFeatures(catalog, network.Model.Items);
        Items = new ItemFeatureTensors(onCpu.clone(), features);
        Signals = new SignalReader(network.Model.Signals, features, onCpu.data<float>().ToArray(), network.Model.Dimension);
        Ranker = new CandidateRanker(network, Items, Signals);
    }

    public ItemFeatureTensors Items { get; }
    public SignalReader Signals { get; }
    public CandidateRanker Ranker { get; }

    public void Dispose() => Items.Dispose();
}

/// <summary>A batch of user-item pairs as ranker inputs.</summary>
/// <param name="Users">[B, D] user embeddings, L2-normalized; or [1, D]: one user, B candidates.</param>
/// <param name="Items">[B, D] item embeddings, L2-normalized.</param>
/// <param name="Popularity">[B, 1] log popularity in 0..1.</param>
/// <param name="Numbers">[B, N] int64 buckets of number attributes.</param>
/// <param name="Categories">[B, G] 1 where the item has the category.</param>
/// <param name="Unknown">[B, 1] 1 to ignore the item embedding, as for an untrained item.</param>
/// <param name="Signals">[B, S] signals that the model names; unused if it names none.</param>
internal sealed record RankerInputs(Tensor Users, Tensor Items, Tensor Popularity, Tensor Numbers, Tensor Categories, Tensor Unknown, Tensor? Signals = null);

/// <summary>Every item's ranker inputs as tensors, to gather batches from.</summary>
internal sealed class ItemFeatureTensors : IDisposable
{
    private readonly ItemFeatures _features;
    private readonly Tensor _embeddings; // [V, D], L2-normalized
    private readonly Tensor _popularity; // [V, 1]
    private readonly Tensor _numbers; // [V, N]
    private readonly Tensor? _categories; // [V, G]; null if that would be too large

    /// <param name="embeddings">[V, D], L2-normalized; ownership is transferred.</param>
    public ItemFeatureTensors(Tensor embeddings, ItemFeatures features)
    {
        _features = features;
        _embeddings = embeddings;
        _popularity = tensor(features.Popularity.ToArray(), [features.Count, 1]);
        _numbers = tensor(Array.ConvertAll(features.Buckets.ToArray(), bucket => (long)bucket), [features.Count, features.Layout.Numbers.Count]);
        _categories = features.Layout.Categories.Count == 0 ? zeros(features.Count, 1) // a network without categories has one row that is never set
            : features.Flags is { } flags ? tensor(flags, [features.Count, features.Layout.Categories.Count])
            : null;
    }

    /// <param name="users">[B, D] or [1, D].</param>
    /// <param name="rows">[B] int64 item rows.</param>
    /// <param name="unknown">[B, 1], or null if all items are known.</param>
    /// <param name="signals">[B, S], if the network reads signals.</param>
    public RankerInputs Gather(Tensor users, Tensor rows, Tensor? unknown = null, Tensor? signals = null) =>
        new RankerInputs(
            users, _embeddings.index_select(0, rows), _popularity.index_select(0, rows), _numbers.index_select(0, rows),
            _categories?.index_select(0, rows) ?? CategoriesOf(rows), unknown ?? zeros(rows.shape[0], 1), signals);

    // [B] -> [B, G]
    private Tensor CategoriesOf(Tensor rows)
    {
        int width = _features.Layout.Categories.Count;
        var flags = new float[rows.shape[0] * width];
        foreach ((int i, long row) in rows.data<long>().Index())
        {
            Span<float> own = flags.AsSpan(i * width, width);
            _features.CategoriesOf((int)row, own);
        }

        return tensor(flags, [rows.shape[0], width]);
    }

    /// <summary>[V, D] the retriever's.</summary>
    public Tensor Embeddings => _embeddings;

    public void Dispose()
    {
        _embeddings.Dispose();
        _popularity.Dispose();
        _numbers.Dispose();
        _categories?.Dispose();
    }
}
