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
internal sealed record ContentMapFit(ContentMap Map, double Ridge, double HeldOutCosine)
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
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var features = new ContentFeatures(ContentFeatures.Vocabulary(catalog));
        var content = new float[catalog.Count * features.Names.Count];
        foreach (CatalogItem item in catalog.Items)
        {
            foreach ((int column, float value) in features.Of(item.Title, item.Year, item.Categories))
            {
                content[item.Index * features.Names.Count + column] = value;
            }
        }

        Tensor x = tensor(content, [catalog.Count, features.Names.Count]).to(float64); // [V, F]
        Tensor y = embeddings.cpu().to(float64); // [V, D]
        Tensor weights = tensor(counts.Select(count => count / (count + HalfWeightCount)).ToArray()).unsqueeze(1); // [V, 1]
        Fold[] folds = [.. Enumerable.Range(0, Math.Min(Folds, catalog.Count)).Select(fold => Fold.Of(fold, x, y, weights))];
        Fold all = folds.Aggregate((sum, fold) => sum.Plus(fold));
        (double ridge, double cosine) = ChooseRidge(folds, all);
        float[] solution = all.Solve(ridge).to(float32).data<float>().ToArray(); // [F, D]
        return new ContentMapFit(new ContentMap(features, solution), ridge, cosine);
    }

    private static (double Ridge, double Cosine) ChooseRidge(Fold[] folds, Fold all)
    {
        var cosines = new double[Ridges.Length];
        foreach (Fold held in folds)
        {
            using var scope = NewDisposeScope();
            Fold kept = all.Minus(held);
            for (int r = 0; r < Ridges.Length; r++)
            {
                cosines[r] += held.MeanCosine(kept.Solve(Ridges[r])) / folds.Length;
            }
        }

        int best = Array.IndexOf(cosines, cosines.Max());
        return (Ridges[best], cosines[best]);
    }

    /// <summary>A fifth of the items, or several together: the sums that a ridge regression needs of them, made once.</summary>
    /// <param name="X">[H, F]</param>
    /// <param name="Y">[H, D]</param>
    /// <param name="Weights">[H, 1]</param>
    /// <param name="Gram">[F, F] X^T W X.</param>
    /// <param name="Cross">[F, D] X^T W Y.</param>
    private sealed record Fold(Tensor X, Tensor Y, Tensor Weights, Tensor Gram, Tensor Cross)
    {
        public static Fold Of(int fold, Tensor x, Tensor y, Tensor weights)
        {
            // Every fifth row: rows are in order of first appearance, which is independent of content.
            Tensor rows = arange(fold, x.shape[0], Folds);
            (Tensor ownX, Tensor ownY, Tensor ownWeights) = (x.index_select(0, rows), y.index_select(0, rows), weights.index_select(0, rows));
            Tensor weighted = (ownX * ownWeights).t(); // [F, H]
            return new Fold(ownX, ownY, ownWeights, weighted.matmul(ownX), weighted.matmul(ownY));
        }

        /// <summary>The sums of both; the rows stay those of this one.</summary>
        public Fold Plus(Fold other) => this with { Gram = Gram + other.Gram, Cross = Cross + other.Cross };

        public Fold Minus(Fold other) => this with { Gram = Gram - other.Gram, Cross = Cross - other.Cross };

        /// <returns>[F, D] minimising the weighted squared error plus ridge times the squared weights.</returns>
        public Tensor Solve(double ridge) => linalg.solve(Gram + ridge * eye(Gram.shape[0], dtype: float64), Cross);

        /// <param name="solution">[F, D] that did not see these rows.</param>
        public double MeanCosine(Tensor solution)
        {
            Tensor cosine = nn.functional.cosine_similarity(X.matmul(solution), Y, dim: 1); // [H]
            return (cosine * Weights.squeeze(1)).sum().item<double>() / Weights.sum().clamp_min(1e-9).item<double>();
        }
    }
}
