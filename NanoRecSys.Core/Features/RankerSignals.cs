using System.Numerics.Tensors;

namespace NanoRecSys.Core.Features;

/// <summary>
/// Signals that a ranker may read about a user and a candidate besides their embeddings. Each is about -1..1, and 0 is neutral.
/// </summary>
internal static class RankerSignals
{
    public const string Cosine = "cosine"; // the retriever's score
    public const string Recent = "recent"; // nearness to the latest items of the history, with most weight on the last one
    public const string Categories = "categories"; // similarity of the candidate's categories to those of the history
    public const string Numbers = "numbers"; // nearness of each of the candidate's numbers to those of the history: one signal per number attribute

    /// <summary>Values of <c>train-ranker --signals</c>.</summary>
    public static readonly IReadOnlyList<string> All = [Cosine, Recent, Categories, Numbers];

    public const int BeforeNumbers = 3; // number of values that Compare writes before the first number

    /// <summary>The signals of a ranker, one for each input: <c>number:price</c> for a number attribute.</summary>
    /// <param name="names">Names from <see cref="All"/>.</param>
    public static IReadOnlyList<string> Of(IReadOnlyList<string> names, ItemLayout layout) =>
        [.. All.Where(names.Contains).SelectMany(name => name == Numbers ? layout.Numbers.Select(NameOf) : [name])];

    /// <summary>Whether the signal needs the candidate's trained embedding. A new item has none, and the signal is 0.</summary>
    public static bool NeedsEmbedding(string signal) => signal is Cosine or Recent;

    /// <summary>The index at which <see cref="HistoryProfile.Compare"/> writes a signal.</summary>
    /// <exception cref="ArgumentException">There is no such signal.</exception>
    internal static int ColumnOf(string signal, ItemLayout layout)
    {
        int column = ((IEnumerable<string>)[Cosine, Recent, Categories, .. layout.Numbers.Select(NameOf)]).ToList().IndexOf(signal);
        return column >= 0 ? column : throw new ArgumentException($"The ranker reads a signal '{signal}', which its items do not have.", nameof(signal));
    }

    private static string NameOf(NumberLayout number) => $"number:{number.Name}";
}

/// <summary>Computes the signals that a ranker names; training, evaluation and serving all use it.</summary>
/// <param name="names">As returned by <see cref="RankerSignals.Of"/>.</param>
/// <param name="features">Features of the V items.</param>
/// <param name="embeddings">[V, D] of the retriever, L2-normalized.</param>
internal sealed class SignalReader(IReadOnlyList<string> names, ItemFeatures features, ReadOnlyMemory<float> embeddings, int dimension)
{
    private readonly int[] _columns = [.. names.Select(name => RankerSignals.ColumnOf(name, features.Layout))];

    public int Count => _columns.Length; // S
    private int AllCount => RankerSignals.BeforeNumbers + features.Layout.Numbers.Count;

    /// <summary>Reads the signals of one user's candidates.</summary>
    /// <param name="history">Item rows, oldest first.</param>
    /// <param name="rows">[C] trained candidates.</param>
    /// <param name="cosines">[C] their retriever scores.</param>
    /// <param name="signals">[C, S] receives the signals.</param>
    public void Read(ReadOnlySpan<int> history, ReadOnlySpan<int> rows, ReadOnlySpan<float> cosines, Span<float> signals)
    {
        if (Count == 0)
        {
            return;
        }

        HistoryProfile profile = Summarize(history);
        for (int c = 0; c < rows.Length; c++)
        {
            Read(profile, rows[c], cosines[c], signals.Slice(c * Count, Count));
        }
    }

    /// <param name="history">Item rows, oldest first; rows from V on are new, untrained items and are skipped.</param>
    public HistoryProfile Summarize(ReadOnlySpan<int> history) => HistoryProfile.Of(history, features, embeddings.Span, dimension);

    /// <summary>Reads a trained candidate's signals.</summary>
    /// <param name="row">The candidate's row, below V.</param>
    /// <param name="signals">[S] receives the signals.</param>
    public void Read(HistoryProfile profile, int row, float cosine, Span<float> signals)
    {
        Span<float> all = stackalloc float[AllCount];
        Span<float> scratch = stackalloc float[features.Flags is null ? features.Layout.Categories.Count : 0];
        profile.Compare(
            cosine, embeddings.Span.Slice(row * dimension, dimension), features.CategoriesOf(row, scratch), features.PositionsOf(row), all);
        Select(all, signals);
    }

    /// <summary>Reads a new item's signals: 0 for signals that need a trained embedding.</summary>
    public void Read(HistoryProfile profile, CatalogItem item, Span<float> signals)
    {
        Span<float> all = stackalloc float[AllCount];
        Span<float> categories = stackalloc float[features.Layout.Categories.Count];
        Span<float> positions = stackalloc float[features.Layout.Numbers.Count];
        features.Flag(item, categories);
        for (int n = 0; n < positions.Length; n++)
        {
            positions[n] = features.Layout.Numbers[n].PositionOf(features.Layout.Numbers[n].ValueOf(item));
        }

        profile.Compare(0, default, categories, positions, all);
        Select(all, signals);
    }

    private void Select(ReadOnlySpan<float> all, Span<float> signals)
    {
        for (int s = 0; s < _columns.Length; s++)
        {
            signals[s] = all[_columns[s]];
        }
    }
}

/// <summary>Summary of a user's history, for comparison with many candidates.</summary>
internal sealed class HistoryProfile
{
    // Weight of each item relative to the one after it: a taste in categories lasts longer than today's interest.
    private const float RecentDecay = 0.8f;
    private const float NumberDecay = 0.9f;
    private const float CategoryDecay = 0.97f;
    private const int RecentItems = 20;
    private const int ReadItems = 200;

    private readonly float[] _recent; // [D]
    private readonly float[] _categories; // [G], unit length
    private readonly float[] _usual; // [N] positions, NaN if unknown
    private readonly ItemLayout _layout;

    private HistoryProfile(float[] recent, float[] categories, float[] usual, ItemLayout layout) =>
        (_recent, _categories, _usual, _layout) = (recent, categories, usual, layout);

    /// <param name="history">Item rows, oldest first; rows from V on are skipped.</param>
    /// <param name="features">Features of the V items.</param>
    /// <param name="embeddings">[V, D], unit length.</param>
    public static HistoryProfile Of(ReadOnlySpan<int> history, ItemFeatures features, ReadOnlySpan<float> embeddings, int dimension)
    {
        int numbers = features.Layout.Numbers.Count;
        var recent = new float[dimension];
        var categories = new float[features.Layout.Categories.Count];
        var usual = new float[numbers];
        Span<float> scratch = stackalloc float[features.Flags is null ? categories.Length : 0];
        Span<float> numberSums = stackalloc float[numbers];
        numberSums.Clear();
        float recentSum = 0;
        (float recentWeight, float numberWeight, float categoryWeight) = (1, 1, 1);
        int read = 0;
        for (int t = history.Length - 1; t >= 0 && read < ReadItems; t--)
        {
            int row = history[t];
            if (row >= features.Count)
            {
                continue;
            }

            if (read++ < RecentItems)
            {
                TensorPrimitives.MultiplyAdd(embeddings.Slice(row * dimension, dimension), recentWeight, recent, recent);
                recentSum += recentWeight;
            }

            ReadOnlySpan<float> positions = features.PositionsOf(row);
            for (int n = 0; n < numbers; n++)
            {
                if (!float.IsNaN(positions[n]))
                {
                    usual[n] += numberWeight * positions[n];
                    numberSums[n] += numberWeight;
                }
            }

            ReadOnlySpan<float> own = features.CategoriesOf(row, scratch);
            TensorPrimitives.MultiplyAdd(own, categoryWeight / Root(own), categories, categories);
            (recentWeight, numberWeight, categoryWeight) = (recentWeight * RecentDecay, numberWeight * NumberDecay, categoryWeight * CategoryDecay);
        }

        TensorPrimitives.Divide(recent, Math.Max(recentSum, 1), recent);
        TensorPrimitives.Divide(categories, Math.Max(TensorPrimitives.Norm<float>(categories), 1e-6f), categories);
        TensorPrimitives.Divide(usual, numberSums, usual); // 0 / 0 is NaN
        return new HistoryProfile(recent, categories, usual, features.Layout);
    }

    /// <summary>Compares a candidate with the history.</summary>
    /// <param name="embedding">[D], unit length; empty for a new item.</param>
    /// <param name="categories">[G] 1 if it has the category.</param>
    /// <param name="positions">[N] see <see cref="NumberLayout.PositionOf"/>.</param>
    /// <param name="signals">[3 + N] receives cosine, recent, categories, and the nearness of each number.</param>
    public void Compare(float cosine, ReadOnlySpan<float> embedding, ReadOnlySpan<float> categories, ReadOnlySpan<float> positions, Span<float> signals)
    {
        signals[0] = cosine;
        signals[1] = embedding.IsEmpty ? 0 : TensorPrimitives.Dot(_recent, embedding);
        signals[2] = TensorPrimitives.Dot(_categories, categories) / Root(categories);
        for (int n = 0; n < positions.Length; n++)
        {
            float distance = Math.Abs(positions[n] - _usual[n]);
            float far = _layout.Numbers[n].Far;
            signals[RankerSignals.BeforeNumbers + n] = float.IsNaN(distance) ? 0 : 1 - Math.Min(distance, far) / far;
        }
    }

    // The more categories an item has, the less each counts.
    private static float Root(ReadOnlySpan<float> categories) => MathF.Sqrt(Math.Max(1, TensorPrimitives.Sum(categories)));
}
