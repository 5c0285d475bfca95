using System.Numerics.Tensors;
using System.Text.RegularExpressions;

namespace NanoRecSys.Core.Features;

/// <summary>
/// Estimates an embedding for an untrained item from its data, in the space of the trained embeddings,
/// so that the same search finds it. A linear map, fitted to the trained items.
/// </summary>
internal sealed class ContentMap
{
    private readonly float[] _weights; // [F, D]

    /// <param name="weights">[F, D], row-major; kept, not copied.</param>
    /// <exception cref="ArgumentException">The weights are not F rows.</exception>
    public ContentMap(ContentFeatures features, float[] weights)
    {
        if (weights.Length == 0 || weights.Length % features.Count != 0)
        {
            throw new ArgumentException($"{weights.Length} weights are not rows for {features.Count} features.", nameof(weights));
        }

        (Features, _weights) = (features, weights);
        Dimension = weights.Length / features.Count;
    }

    public ContentFeatures Features { get; }
    public int Dimension { get; } // D

    /// <param name="item">Features that are not in the training data are ignored.</param>
    /// <returns>[D], unit length.</returns>
    public float[] Embed(CatalogItem item)
    {
        var embedding = new float[Dimension];
        foreach ((int column, float value) in Features.Of(item))
        {
            ReadOnlySpan<float> row = _weights.AsSpan(column * Dimension, Dimension);
            TensorPrimitives.MultiplyAdd(row, value, embedding, embedding);
        }

        float norm = TensorPrimitives.Norm<float>(embedding);
        if (norm > 0)
        {
            TensorPrimitives.Divide(embedding, norm, embedding);
        }

        return embedding;
    }

    /// <param name="weightsPath">[F, D] as a NumPy array.</param>
    /// <param name="featuresPath">Meaning of the F rows, as JSON.</param>
    public void Write(string weightsPath, string featuresPath)
    {
        NpyFile.Write(weightsPath, _weights, Dimension);
        File.WriteAllBytes(featuresPath, JsonSerializer.SerializeToUtf8Bytes(Features.Layout, CoreJson.Indented.ContentLayout));
    }

    /// <exception cref="InvalidDataException">The files do not match, or are damaged.</exception>
    public static ContentMap Read(string weightsPath, string featuresPath)
    {
        try
        {
            (float[] weights, _) = NpyFile.Read(weightsPath);
            ContentLayout? layout = JsonSerializer.Deserialize(File.ReadAllBytes(featuresPath), CoreJson.Indented.ContentLayout);
            return new ContentMap(new ContentFeatures(layout ?? throw new JsonException("the features are null.")), weights);
        }
        catch (Exception e) when (e is JsonException or ArgumentException or DivideByZeroException)
        {
            throw new InvalidDataException($"{weightsPath} and {featuresPath} are not a content map: {e.Message} Run 'export' again.", e);
        }
    }
}

/// <summary>One feature of an item: its column, and how strongly the item has it.</summary>
internal readonly record struct ContentFeature(int Column, float Value);

public sealed record ContentLayout(ItemLayout Items, IReadOnlyList<string> Words);

/// <summary>
/// The content map's inputs for an item, one per column: a constant, for each number whether it is unknown and then its knots, categories, and
/// title words. All of them are known on the day an item appears.
/// </summary>
internal sealed partial class ContentFeatures
{
    private const int LeastTitles = 3; // a word in fewer titles is not informative about other items
    private const int MostWords = 1000; // the most frequent ones; more would only slow down the fit

    private readonly CategoryColumns _categories;
    private readonly Dictionary<string, int> _words;
    private readonly int[] _numberColumns; // [N] where each number's columns begin
    private readonly int _firstCategory;

    public ContentFeatures(ContentLayout layout)
    {
        Layout = layout;
        _categories = new CategoryColumns(layout.Items.Categories);
        _numberColumns = new int[layout.Items.Numbers.Count];
        int column = 1; // column 0 is the constant
        for (int n = 0; n < _numberColumns.Length; n++)
        {
            _numberColumns[n] = column;
            column += 1 + layout.Items.Numbers[n].Knots.Count;
        }

        _firstCategory = column;
        column += layout.Items.Categories.Count;
        _words = layout.Words.Select((word, i) => (word, i)).ToDictionary(pair => pair.word, pair => column + pair.i, StringComparer.Ordinal);
        Count = column + layout.Words.Count;
    }

    public ContentLayout Layout { get; }
    public int Count { get; } // F

    [GeneratedRegex(@"[\p{L}\p{N}]{2,}")]
    private static partial Regex Word();

    public static ContentLayout LayoutOf(Catalog catalog)
    {
        IEnumerable<string> words = catalog.Items.SelectMany(item => WordsOf(item.Title))
            .GroupBy(word => word, StringComparer.Ordinal)
            .Where(group => group.Count() >= LeastTitles)
            .OrderByDescending(group => group.Count()).ThenBy(group => group.Key, StringComparer.Ordinal)
            .Take(MostWords)
            .Select(group => group.Key);
        return new ContentLayout(ItemLayout.Of(catalog), [.. words]);
    }

    /// <summary>An item's features; values without a column are left out.</summary>
    public IReadOnlyList<ContentFeature> Of(CatalogItem item)
    {
        var features = new List<ContentFeature> { new(0, 1) };
        foreach ((int n, NumberLayout number) in Layout.Items.Numbers.Index())
        {
            double value = number.ValueOf(item);
            if (double.IsNaN(value))
            {
                features.Add(new ContentFeature(_numberColumns[n], 1));
                continue;
            }

            (int below, float share) = number.Between(value);
            int column = _numberColumns[n] + 1 + below;
            features.AddRange(((ContentFeature[])[new(column, 1 - share), new(column + 1, share)]).Where(knot => knot.Value > 0));
        }

        features.AddRange(_categories.Of(item).Select(category => category with { Column = _firstCategory + category.Column }));
        features.AddRange(WordsOf(item.Title).Where(_words.ContainsKey).Select(word => new ContentFeature(_words[word], 1)));
        return features;
    }

    private static IEnumerable<string> WordsOf(string title) =>
        Word().Matches(title).Select(match => match.Value.ToLowerInvariant()).Distinct(StringComparer.Ordinal);
}
