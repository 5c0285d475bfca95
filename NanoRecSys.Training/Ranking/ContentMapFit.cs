using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>Fits the content map by ridge regression of the trained item embeddings on the items' content. An item's weight grows with its interactions:
/// the embedding of a rare one is mostly noise.</summary>
/// <param name="Ridge">The best penalty on held-out items.</param>
/// <param name="HeldOutCosine">Weighted mean cosine of estimated and trained embeddings of items that were left out of a fit.</param>
internal sealed record ContentMapFit(ContentMap Map, double Ridge, double HeldOutCosine)
{
    private const int Folds = 5;

    /// <summary>Number of interactions at which an item has half the maximum weight.</summary>
    private const double HalfWeightCount = 10;

    /// <summary>Maximum number of items in a fit, the most frequent ones: more would cost minutes and change nothing.</summary>
    private const int MostItems = 100_000;

    private static readonly double[] Ridges = [1, 3, 10, 30, 100];

    /// <param name="counts">[V] training interactions of each item.</param>
    /// <param name="embeddings">[V, D], L2-normalized.</param>
    public static ContentMapFit Make(Catalog catalog, IReadOnlyList<int> counts, Tensor embeddings)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var features = new ContentFeatures(ContentFeatures.LayoutOf(catalog));
        int[] rows = [.. Enumerable.Range(0, catalog.Count).OrderByDescending(row => counts[row]).Take(MostItems).Order()];
        var content = new ContentRows([.. rows.Select(row => features.Of(catalog.Items[row]))], features.Count);
        Tensor y = embeddings.cpu().index_select(0, tensor(rows, dtype: int64)).to(float64); // [V, D]
        Tensor weights = tensor(rows.Select(row => counts[row] / (counts[row] + HalfWeightCount)).ToArray()).unsqueeze(1); // [V, 1]
        Fold[] folds = [.. Enumerable.Range(0, Math.Min(Folds, rows.Length)).Select(fold => Fold.Of(fold, content, y, weights))];
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
            double[] own = held.MeanCosines([.. Ridges.Select(kept.Solve)]);
            for (int r = 0; r < Ridges.Length; r++)
            {
                cosines[r] += own[r] / folds.Length;
            }
        }

        int best = Array.IndexOf(cosines, cosines.Max());
        return (Ridges[best], cosines[best]);
    }

    /// <summary>The content of V items, made dense a few rows at a time: all of them may exceed the memory.</summary>
    /// <param name="Items">[V]</param>
    private sealed record ContentRows(IReadOnlyList<ContentFeature>[] Items, int Width)
    {
        private const int RowsPerChunk = 2048;

        /// <summary>The rows of a fold in chunks: where each begins within the fold, and [C, F] float64.</summary>
        public IEnumerable<(long Start, Tensor Chunk)> Chunks(int fold)
        {
            int[] own = RowsOf(fold);
            var values = new double[Math.Min(RowsPerChunk, own.Length) * Width];
            for (int start = 0; start < own.Length; start += RowsPerChunk)
            {
                int count = Math.Min(RowsPerChunk, own.Length - start);
                Array.Clear(values);
                for (int i = 0; i < count; i++)
                {
                    foreach ((int column, float value) in Items[own[start + i]])
                    {
                        values[(i * Width) + column] = value;
                    }
                }

                using Tensor chunk = tensor(values.AsSpan(0, count * Width).ToArray(), [count, Width]);
                yield return (start, chunk);
            }
        }

        /// <summary>Every fifth row: rows are in order of first appearance, independent of content.</summary>
        public int[] RowsOf(int fold) => [.. Enumerable.Range(0, Items.Length).Where(row => row % Folds == fold)];
    }

    /// <summary>A fifth of the items, or several fifths: the sums that a ridge regression needs, computed once.</summary>
    /// <param name="Y">[H, D] embeddings of this fold's items.</param>
    /// <param name="Weights">[H, 1]</param>
    /// <param name="Gram">[F, F] X^T W X.</param>
    /// <param name="Cross">[F, D] X^T W Y.</param>
    private sealed record Fold(int Number, ContentRows Content, Tensor Y, Tensor Weights, Tensor Gram, Tensor Cross)
    {
        public static Fold Of(int fold, ContentRows content, Tensor y, Tensor weights)
        {
            Tensor rows = tensor(content.RowsOf(fold), dtype: int64);
            (Tensor ownY, Tensor ownWeights) = (y.index_select(0, rows), weights.index_select(0, rows));
            Tensor gram = zeros(content.Width, content.Width, float64);
            Tensor cross = zeros(content.Width, y.shape[1], float64);
            foreach ((long start, Tensor chunk) in content.Chunks(fold))
            {
                using var scope = NewDisposeScope();
                Tensor weighted = (chunk * ownWeights.narrow(0, start, chunk.shape[0])).t(); // [F, C]
                gram.add_(weighted.matmul(chunk));
                cross.add_(weighted.matmul(ownY.narrow(0, start, chunk.shape[0])));
            }

            return new Fold(fold, content, ownY, ownWeights, gram, cross);
        }

        /// <summary>The sums of both folds; keeps the rows of this one.</summary>
        public Fold Plus(Fold other) => this with { Gram = Gram + other.Gram, Cross = Cross + other.Cross };

        public Fold Minus(Fold other) => this with { Gram = Gram - other.Gram, Cross = Cross - other.Cross };

        /// <returns>[F, D] minimizing the weighted squared error plus ridge times the squared weights.</returns>
        public Tensor Solve(double ridge) => linalg.solve(Gram + ridge * eye(Gram.shape[0], dtype: float64), Cross);

        /// <param name="solutions">[F, D] each, fitted without these rows.</param>
        public double[] MeanCosines(IReadOnlyList<Tensor> solutions)
        {
            var sums = new double[solutions.Count];
            foreach ((long start, Tensor chunk) in Content.Chunks(Number))
            {
                using var scope = NewDisposeScope();
                Tensor own = Weights.narrow(0, start, chunk.shape[0]).squeeze(1); // [C]
                for (int i = 0; i < sums.Length; i++)
                {
                    Tensor cosine = nn.functional.cosine_similarity(chunk.matmul(solutions[i]), Y.narrow(0, start, chunk.shape[0]), dim: 1); // [C]
                    sums[i] += (cosine * own).sum().item<double>();
                }
            }

            double weight = Weights.sum().clamp_min(1e-9).item<double>();
            return Array.ConvertAll(sums, sum => sum / weight);
        }
    }
}
