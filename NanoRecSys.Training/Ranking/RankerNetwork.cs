using NanoRecSys.Core.Features;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>
/// The second stage: an MLP over a user, an item, their product, what is known of the item, and signals that compare
/// it with the user's history. Its weights go by <c>genre_embeddings.weight</c>, <c>year_embeddings.weight</c>, <c>mlp.0.weight</c> ..., <c>output.weight</c>.
/// </summary>
public sealed class RankerNetwork : nn.Module<RankerInputs, Tensor>
{
    private const int GenreWidth = 16;
    private const int YearWidth = 8;

    [ComponentName(Name = "genre_embeddings")]
    private readonly Embedding _genres; // [G, 16]
    [ComponentName(Name = "year_embeddings")]
    private readonly Embedding _years; // [6, 8]
    [ComponentName(Name = "mlp")]
    private readonly Sequential _mlp;
    [ComponentName(Name = "output")]
    private readonly Linear _output; // last hidden width -> 1
    private readonly Tensor? _hiddenSignals; // [S] 1 where an unknown item has no such signal

    public RankerNetwork(RankerModel model)
        : base(nameof(RankerNetwork))
    {
        ArgumentNullException.ThrowIfNull(model);
        Model = model;
        _genres = nn.Embedding(Math.Max(1, model.Genres.Count), GenreWidth);
        _years = nn.Embedding(ItemFeatures.YearBuckets, YearWidth);
        var layers = new List<nn.Module<Tensor, Tensor>>();
        int width = 3 * model.Dimension + 1 + YearWidth + GenreWidth + 1 + model.Signals.Count;
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

    /// <returns>[B] logits; their sigmoid is the estimated chance that the item is the one that comes next.</returns>
    public override Tensor forward(RankerInputs inputs)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        using var scope = NewDisposeScope();
        Tensor items = inputs.Items * (1 - inputs.Unknown); // [B, D]
        Tensor users = inputs.Users.expand_as(items); // [B, D]
        Tensor genreCount = inputs.Genres.sum(1, keepdim: true).clamp_min(1); // [B, 1]
        Tensor genres = inputs.Genres.matmul(_genres.weight!) / genreCount; // [B, G] x [G, 16] -> [B, 16]
        Tensor years = _years.forward(inputs.Years); // [B, 8]
        Tensor[] parts = [users, items, users * items, inputs.Popularity, years, genres, inputs.Unknown];
        if (_hiddenSignals is not null)
        {
            parts = [.. parts, inputs.Signals! * (1 - inputs.Unknown * _hiddenSignals)]; // [B, S]
        }

        Tensor x = cat(parts, 1); // [B, 3D + 26 + S]
        return _output.forward(_mlp.forward(x)).squeeze(1).MoveToOuterDisposeScope(); // [B]
    }
}
