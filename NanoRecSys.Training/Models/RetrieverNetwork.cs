using System.Text.RegularExpressions;
using NanoRecSys.Training.Kernels;
using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>A retriever: one user tower, or several that were trained independently. E is the width of its embeddings.</summary>
internal abstract class RetrieverNetwork(string name, ModelInfo model) : nn.Module<SequencePack, Tensor>(name)
{
    public ModelInfo Model { get; } = model;

    public abstract Device Device { get; }

    /// <summary>The layers' implementation, chosen for the device and the sizes.</summary>
    public NetworkOperations Operations => NetworkOperations.For(Device, Model);

    public static RetrieverNetwork Create(ModelInfo model) => model.Members is null ? new UserTower(model) : new ConcatenatedTowers(model);

    public void UseReducedPrecision(bool isReduced)
    {
        foreach (MixedLinear linear in modules().OfType<MixedLinear>())
        {
            linear.IsReduced = isReduced;
        }
    }

    /// <summary>The weights that evaluation and serving need.</summary>
    public virtual IReadOnlyList<NamedTensor> Weights() => NetworkWeights.Of(this);

    /// <summary>The item tower: [V, E], L2-normalized rows.</summary>
    public abstract Tensor ItemEmbeddings();

    /// <summary>User embeddings after each of the last positions of a pack of one sequence.</summary>
    /// <returns>[M, E], L2-normalized.</returns>
    public abstract Tensor LastEmbeddings(SequencePack pack, int positions);
}

/// <summary>Independently trained towers as one of M times the width: embeddings are concatenated and divided by sqrt(M), so a cosine is the mean
/// of the members' cosines. Weights have the members' names, prefixed by <c>members.0.</c>, <c>members.1.</c>, ...</summary>
internal sealed class ConcatenatedTowers : RetrieverNetwork
{
    [ComponentName(Name = "members")]
    private readonly ModuleList<UserTower> _members;
    private readonly Scalar _scale; // kept: see TensorSums

    public ConcatenatedTowers(ModelInfo model)
        : base(nameof(ConcatenatedTowers), model)
    {
        int members = model.Members ?? throw new ArgumentException("The model has one member.", nameof(model));
        _members = nn.ModuleList([.. Enumerable.Range(0, members).Select(_ => new UserTower(model.OfMember()))]);
        _scale = 1 / Math.Sqrt(members);
        RegisterComponents();
    }

    public override Device Device => _members[0].Device;

    public override Tensor forward(SequencePack pack) => Join(member => member.forward(pack));

    public override Tensor ItemEmbeddings() => Join(member => member.ItemEmbeddings());

    public override Tensor LastEmbeddings(SequencePack pack, int positions) => Join(member => member.LastEmbeddings(pack, positions));

    /// <param name="embeddings">A member's [B, D].</param>
    /// <returns>[B, M * D]</returns>
    private Tensor Join(Func<UserTower, Tensor> embeddings)
    {
        using var scope = NewDisposeScope();
        return cat([.. _members.Select(embeddings)], -1).mul(_scale).MoveToOuterDisposeScope();
    }
}

/// <summary>The weights of a <see cref="ConcatenatedTowers"/>, and those of its members.</summary>
internal static partial class MemberWeights
{
    [GeneratedRegex(@"(?<=^|\.)members\.(?<member>0|[1-9][0-9]{0,3})\.", RegexOptions.CultureInvariant)]
    public static partial Regex Name();

    /// <param name="members">The weights of each member, by their names in a single tower.</param>
    public static IEnumerable<NamedTensor> Join(IReadOnlyList<IEnumerable<NamedTensor>> members) => members.Count == 1
        ? members[0]
        : members.SelectMany((weights, member) => weights.Select(tensor => tensor with { Name = Prefix(member) + tensor.Name }));

    /// <returns>A member's weights by their names in a single tower.</returns>
    public static IReadOnlyDictionary<string, NamedTensor> OfMember(this IReadOnlyDictionary<string, NamedTensor> weights, ModelInfo model, int member) =>
        model.Members is null ? weights : weights.OfMember(member);

    public static IReadOnlyDictionary<string, NamedTensor> OfMember(this IReadOnlyDictionary<string, NamedTensor> weights, int member) =>
        weights.Values.Where(tensor => tensor.Name.StartsWith(Prefix(member), StringComparison.Ordinal))
            .Select(tensor => tensor with { Name = tensor.Name[Prefix(member).Length..] }).ToDictionary(tensor => tensor.Name);

    public static string Prefix(int member) => $"members.{member}.";
}

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
