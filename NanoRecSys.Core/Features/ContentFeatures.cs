using System.Globalization;
using System.Text.RegularExpressions;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Core.Features;

/// <summary>One feature of an item: its column, and how strongly the item has it.</summary>
public readonly record struct ContentFeature(int Column, float Value);

/// <summary>
/// What the content map reads of an item: genres, year and the words of its title, each a column. All of it is known
/// on the day an item appears.
/// </summary>
public sealed partial class ContentFeatures
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
        ArgumentNullException.ThrowIfNull(names);
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
        ArgumentNullException.ThrowIfNull(catalog);
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
        ArgumentNullException.ThrowIfNull(genres);
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
