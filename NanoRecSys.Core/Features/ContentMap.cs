using System.Globalization;
using System.Numerics.Tensors;
using System.Text.Json;
using System.Text.RegularExpressions;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Core.Features;

/// <summary>
/// Estimates an embedding for an item that nobody has seen from what is known of it, in the space of the trained
/// ones: so a new item is found by the same search. A linear map, fitted to the trained items.
/// </summary>
internal sealed class ContentMap
{
    private readonly float[] _weights; // [F, D]

    /// <param name="features">The F columns.</param>
    /// <param name="weights">[F, D], row-major; kept, not copied.</param>
    /// <exception cref="ArgumentException">The weights are not F rows.</exception>
    public ContentMap(ContentFeatures features, float[] weights)
    {
        if (weights.Length == 0 || weights.Length % features.Names.Count != 0)
        {
            throw new ArgumentException($"{weights.Length} weights are not rows for {features.Names.Count} features.", nameof(weights));
        }

        (Features, _weights) = (features, weights);
        Dimension = weights.Length / features.Names.Count;
    }

    public ContentFeatures Features { get; }

    /// <summary>D</summary>
    public int Dimension { get; }

    /// <param name="title">Without the year, as <see cref="MovieTitle"/> takes it apart.</param>
    /// <param name="year">Of release, if known.</param>
    /// <param name="genres">Genres that training has not seen are ignored.</param>
    /// <returns>[D], of length 1.</returns>
    public float[] Embed(string title, int? year, IReadOnlyList<string> genres)
    {
        var embedding = new float[Dimension];
        foreach ((int column, float value) in Features.Of(title, year, genres))
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
    /// <param name="featuresPath">The F names, a JSON list.</param>
    public void Write(string weightsPath, string featuresPath)
    {
        NpyFile.Write(weightsPath, _weights, Dimension);
        File.WriteAllBytes(featuresPath, JsonSerializer.SerializeToUtf8Bytes(Features.Names, CoreJson.Indented.IReadOnlyListString));
    }

    /// <exception cref="InvalidDataException">The files do not belong together, or are damaged.</exception>
    public static ContentMap Read(string weightsPath, string featuresPath)
    {
        try
        {
            (float[] weights, _) = NpyFile.Read(weightsPath);
            IReadOnlyList<string>? names = JsonSerializer.Deserialize(File.ReadAllBytes(featuresPath), CoreJson.Indented.IReadOnlyListString);
            return new ContentMap(new ContentFeatures(names ?? []), weights);
        }
        catch (Exception e) when (e is JsonException or ArgumentException or DivideByZeroException)
        {
            throw new InvalidDataException($"{weightsPath} and {featuresPath} are not a content map: {e.Message} Run 'export' again.", e);
        }
    }
}

/// <summary>One feature of an item: its column, and how strongly the item has it.</summary>
internal readonly record struct ContentFeature(int Column, float Value);

/// <summary>
/// What the content map reads of an item: genres, year and the words of its title, each a column. All of it is known
/// on the day an item appears.
/// </summary>
internal sealed partial class ContentFeatures
{
    private const string Bias = "bias";
    private const string UnknownYear = "year:unknown";

    /// <summary>Years between two knots share in both, so that 1989 and 1990 are nearly alike.</summary>
    private const int YearsPerKnot = 10;
    private const int FirstKnot = 1920;
    private const int LastKnot = 2020;

    /// <summary>A word of fewer titles tells of those titles alone.</summary>
    private const int LeastTitles = 3;

    /// <summary>The most frequent ones; more only make the fit slower.</summary>
    private const int MostWords = 1000;

    private readonly Dictionary<string, int> _columns;

    /// <param name="names">Of the columns, as <see cref="Vocabulary"/> gives them.</param>
    public ContentFeatures(IReadOnlyList<string> names)
    {
        Names = names;
        _columns = names.Select((name, column) => (name, column)).ToDictionary(pair => pair.name, pair => pair.column, StringComparer.Ordinal);
    }

    /// <summary>[F] <c>genre:Drama</c>, <c>year:1990</c>, <c>word:star</c>, ...</summary>
    public IReadOnlyList<string> Names { get; }

    [GeneratedRegex(@"[\p{L}\p{N}]{2,}")]
    private static partial Regex Word();

    /// <summary>The columns that a catalog's items can fill.</summary>
    public static IReadOnlyList<string> Vocabulary(Catalog catalog)
    {
        IEnumerable<string> words = catalog.Items.SelectMany(item => WordsOf(item.Title))
            .GroupBy(word => word, StringComparer.Ordinal)
            .Where(group => group.Count() >= LeastTitles)
            .OrderByDescending(group => group.Count()).ThenBy(group => group.Key, StringComparer.Ordinal)
            .Take(MostWords)
            .Select(group => group.Key);
        IEnumerable<string> knots = Enumerable.Range(0, 1 + (LastKnot - FirstKnot) / YearsPerKnot).Select(k => KnotName(FirstKnot + k * YearsPerKnot));
        return [Bias, UnknownYear, .. knots, .. ItemFeatures.Vocabulary(catalog).Select(genre => $"genre:{genre}"), .. words.Select(word => $"word:{word}")];
    }

    /// <summary>The columns that an item fills; what the vocabulary does not hold is left out.</summary>
    public IReadOnlyList<ContentFeature> Of(string title, int? year, IReadOnlyList<string> genres)
    {
        var features = new List<ContentFeature>();
        Add(Bias, 1);
        if (year is { } known)
        {
            int clamped = Math.Clamp(known, FirstKnot, LastKnot);
            int below = clamped - (clamped - FirstKnot) % YearsPerKnot;
            float share = (clamped - below) / (float)YearsPerKnot;
            Add(KnotName(below), 1 - share);
            Add(KnotName(below + YearsPerKnot), share);
        }
        else
        {
            Add(UnknownYear, 1);
        }

        string[] distinct = [.. genres.Distinct(StringComparer.Ordinal)];
        foreach (string genre in distinct)
        {
            Add($"genre:{genre}", 1 / MathF.Sqrt(distinct.Length)); // of many genres, each says less
        }

        foreach (string word in WordsOf(title))
        {
            Add($"word:{word}", 1);
        }

        return features;

        void Add(string name, float value)
        {
            if (value > 0 && _columns.TryGetValue(name, out int column))
            {
                features.Add(new ContentFeature(column, value));
            }
        }
    }

    private static IEnumerable<string> WordsOf(string title) =>
        Word().Matches(title).Select(match => match.Value.ToLowerInvariant()).Distinct(StringComparer.Ordinal);

    private static string KnotName(int year) => string.Create(CultureInfo.InvariantCulture, $"year:{year}");
}
