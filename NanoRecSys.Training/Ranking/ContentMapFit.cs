using NanoRecSys.Core.Data;
using NanoRecSys.Core.Features;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>
/// Fits the content map by ridge regression of the trained item embeddings on the items' content. An item counts by
/// how often it was seen: the embedding of a rare one is mostly noise.
/// </summary>
/// <param name="Map">Fitted to all items.</param>
/// <param name="Ridge">The penalty that was best on held-out items.</param>
/// <param name="HeldOutCosine">Weighted mean cosine of estimated and trained embeddings of items that were left out of a fit.</param>
public sealed record ContentMapFit(ContentMap Map, double Ridge, double HeldOutCosine)
{
    private const int Folds = 5;

    /// <summary>Interactions at which an item counts half of one that was seen endlessly.</summary>
    private const double HalfWeightCount = 10;

    private static readonly double[] Ridges = [1, 3, 10, 30, 100];

    /// <param name="catalog">V items.</param>
    /// <param name="counts">[V] interactions that trained each.</param>
    /// <param name="embeddings">[V, D], L2-normalised.</param>
    public static ContentMapFit Make(Catalog catalog, IReadOnlyList<int> counts, Tensor embeddings)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(counts);
        ArgumentNullException.ThrowIfNull(embeddings);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var features = new ContentFeatures(ContentFeatures.Vocabulary(catalog));
        var content = new float[catalog.Count * features.Names.Count];
        foreach (CatalogItem item in catalog.Items)
        {
            foreach ((int column, float value) in features.Of(item.Title, item.Year, item.Genres))
            {
                content[item.Index * features.Names.Count + column] = value;
            }
        }

        Tensor x = tensor(content, [catalog.Count, features.Names.Count]).to(float64); // [V, F]
        Tensor y = embeddings.cpu().to(float64); // [V, D]
        Tensor weights = tensor(counts.Select(count => count / (count + HalfWeightCount)).ToArray()).unsqueeze(1); // [V, 1]
        (double ridge, double cosine) = ChooseRidge(x, y, weights);
        float[] solution = Solve(x, y, weights, ridge).to(float32).data<float>().ToArray(); // [F, D]
        return new ContentMapFit(new ContentMap(features, solution), ridge, cosine);
    }

    private static (double Ridge, double Cosine) ChooseRidge(Tensor x, Tensor y, Tensor weights)
    {
        Tensor foldOf = arange(x.shape[0]).remainder(Folds); // rows stand in order of first appearance, which no content follows
        var cosines = new double[Ridges.Length];
        for (int fold = 0; fold < Folds; fold++)
        {
            using var scope = NewDisposeScope();
            Tensor held = foldOf.eq(fold).nonzero().squeeze(1);
            Tensor kept = foldOf.ne(fold).nonzero().squeeze(1);
            (Tensor keptX, Tensor keptY, Tensor keptWeights) = (x.index_select(0, kept), y.index_select(0, kept), weights.index_select(0, kept));
            (Tensor heldX, Tensor heldY, Tensor heldWeights) = (x.index_select(0, held), y.index_select(0, held), weights.index_select(0, held).squeeze(1));
            for (int r = 0; r < Ridges.Length; r++)
            {
                Tensor estimated = heldX.matmul(Solve(keptX, keptY, keptWeights, Ridges[r])); // [H, F] x [F, D] -> [H, D]
                Tensor cosine = nn.functional.cosine_similarity(estimated, heldY, dim: 1); // [H]
                cosines[r] += (cosine * heldWeights).sum().item<double>() / heldWeights.sum().clamp_min(1e-9).item<double>() / Folds;
            }
        }

        int best = Array.IndexOf(cosines, cosines.Max());
        return (Ridges[best], cosines[best]);
    }

    /// <returns>[F, D] minimising the weighted squared error plus ridge times the squared weights.</returns>
    private static Tensor Solve(Tensor x, Tensor y, Tensor weights, double ridge)
    {
        Tensor weighted = (x * weights).t(); // [F, V]
        Tensor gram = weighted.matmul(x) + ridge * eye(x.shape[1], dtype: float64); // [F, F]
        return linalg.solve(gram, weighted.matmul(y)); // [F, D]
    }
}
