using NanoRecSys.Core.Features;

namespace NanoRecSys.Training.Ranking;

/// <summary>Computes the signals that a ranker names, for candidates among the trained items.</summary>
/// <param name="names">Of <see cref="RankerSignals.All"/>.</param>
/// <param name="features">Of all items.</param>
/// <param name="embeddings">[V, D] the retriever's, L2-normalised.</param>
/// <param name="dimension">D</param>
public sealed class SignalReader(IReadOnlyList<string> names, ItemFeatures features, float[] embeddings, int dimension)
{
    private readonly int[] _columns = [.. names.Select(name => RankerSignals.All.ToList().IndexOf(name))];

    /// <summary>S</summary>
    public int Count => _columns.Length;

    /// <param name="history">Item rows, oldest first.</param>
    /// <param name="rows">[C] candidates.</param>
    /// <param name="cosines">[C] the retriever's scores of them.</param>
    /// <param name="signals">[C, S] to be filled.</param>
    public void Read(ReadOnlySpan<int> history, ReadOnlySpan<int> rows, ReadOnlySpan<float> cosines, Span<float> signals)
    {
        if (_columns.Length == 0)
        {
            return;
        }

        HistoryProfile profile = HistoryProfile.Of(history, features, embeddings, dimension);
        Span<float> all = stackalloc float[RankerSignals.All.Count];
        for (int c = 0; c < rows.Length; c++)
        {
            int row = rows[c];
            profile.Compare(cosines[c], embeddings.AsSpan(row * dimension, dimension), features.GenresOf(row), features.ReleaseYears[row], all);
            for (int s = 0; s < _columns.Length; s++)
            {
                signals[c * _columns.Length + s] = all[_columns[s]];
            }
        }
    }
}
