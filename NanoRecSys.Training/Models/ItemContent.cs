using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>Learned embeddings of what is known about items (<see cref="ContentFeatures"/>), added to their rows of the item table, so that items
/// with few interactions share what similar ones have learned. Only in training: afterwards the sum is the item table.</summary>
internal sealed class ItemContent : nn.Module<Tensor, Tensor>
{
    private const int Constant = 0; // the column that every item has

    [ComponentName(Name = "weight")]
    private readonly Parameter _weight; // [F, D]

    /// <param name="features">[V, F] see <see cref="FeaturesOf"/>; not a weight, and shared by replicas.</param>
    public ItemContent(Tensor features, int dimension, double embeddingStd)
        : base(nameof(ItemContent))
    {
        _weight = new Parameter(empty(features.shape[1], dimension));
        nn.init.normal_(_weight, 0, embeddingStd);
        RegisterComponents();
        Features = features;
    }

    /// <summary>[V, F] sparse.</summary>
    public Tensor Features { get; }

    /// <summary>How strongly each item has each feature: [V, F], sparse; null if nothing is known about the items but their ids.</summary>
    public static Tensor? FeaturesOf(Catalog catalog, Device device)
    {
        var features = new ContentFeatures(ContentFeatures.LayoutOf(catalog));
        (long Row, ContentFeature Feature)[] pairs =
            [.. catalog.Items.SelectMany(item => features.Of(item).Where(feature => feature.Column != Constant).Select(feature => ((long)item.Index, feature)))];
        if (pairs.Length == 0)
        {
            return null;
        }

        using Tensor places = tensor([.. pairs.Select(pair => pair.Row), .. pairs.Select(pair => (long)pair.Feature.Column)], [2, pairs.Length]);
        using Tensor values = tensor(Array.ConvertAll(pairs, pair => pair.Feature.Value));
        return sparse_coo_tensor(places, values, [catalog.Count, features.Count], device: device);
    }

    /// <param name="table">[V, D]</param>
    /// <returns>[V, D]</returns>
    public override Tensor forward(Tensor table)
    {
        using Tensor added = mm(Features, _weight); // [V, F] x [F, D]
        return table.Plus(added);
    }
}
