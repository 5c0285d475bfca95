namespace NanoRecSys.Core.Features;

/// <summary>
/// The item data that models read besides the title: which categories are columns, and how numbers are divided. Computed once from a catalog,
/// and then part of the trained model.
/// </summary>
/// <param name="Categories">
/// [G] names of the columns: <c>Drama</c> for one of the item's categories, <c>brand=Sony</c> for a value of an attribute.
/// </param>
/// <param name="Numbers">[N] number and time attributes. A year of release, an input of nanoRecSys's layout, comes first.</param>
public sealed record ItemLayout(IReadOnlyList<string> Categories, IReadOnlyList<NumberLayout> Numbers)
{
    /// <summary>Maximum number of category columns; rarer values are left out. More would add little and cost memory for every item.</summary>
    internal const int MostCategories = 1000;

    /// <summary>Maximum number of number attributes; those that most items have are read.</summary>
    internal const int MostNumbers = 16;

    /// <summary>A value of fewer items is only informative about those items, as is a number that fewer items have.</summary>
    internal const int LeastItems = 3;

    /// <summary>An attribute with more distinct values identifies items instead of describing them.</summary>
    internal const int MostValues = 100_000;

    /// <summary>Only the items' popularity is known.</summary>
    public static readonly ItemLayout Empty = new([], []);

    /// <param name="notes">Receives a sentence about everything that is left out.</param>
    internal static ItemLayout Of(Catalog catalog, ICollection<string>? notes = null)
    {
        var counts = new Dictionary<string, AttributeCounts>(StringComparer.OrdinalIgnoreCase);
        foreach ((string name, AttributeValue value) in catalog.Items.SelectMany(item => item.Attributes))
        {
            if (!counts.TryGetValue(name, out AttributeCounts? count))
            {
                counts.Add(name, count = new AttributeCounts(name));
            }

            count.Add(value);
        }

        AttributeCounts[] byName = [.. counts.Values.OrderBy(count => count.Name, StringComparer.Ordinal)];
        return new ItemLayout(CategoriesOf(catalog, byName, notes), NumbersOf(catalog, byName, notes));
    }

    /// <summary>The catalog's categories, without those from attributes, in alphabetical order.</summary>
    internal static IReadOnlyList<string> CategoryNames(Catalog catalog) =>
        [.. catalog.Items.SelectMany(item => item.Categories).Distinct().Order(StringComparer.Ordinal)];

    internal static string ColumnOf(string attribute, string value) => $"{attribute}={value}";

    /// <summary>Whether models read an attribute.</summary>
    internal bool Reads(string attribute) =>
        Numbers.Any(number => number.Name.Equals(attribute, StringComparison.OrdinalIgnoreCase))
        || Categories.Any(column => column.StartsWith(ColumnOf(attribute, ""), StringComparison.OrdinalIgnoreCase));

    private static string[] CategoriesOf(Catalog catalog, AttributeCounts[] attributes, ICollection<string>? notes)
    {
        var columns = new List<(string Name, int Items)>();
        columns.AddRange(catalog.Items.SelectMany(item => item.Categories.Distinct()).GroupBy(name => name).Select(group => (group.Key, group.Count())));
        int own = columns.Count;
        foreach (AttributeCounts attribute in attributes)
        {
            if (attribute.Values is not { } values)
            {
                notes?.Add($"The attribute '{attribute.Name}' has more than {MostValues:N0} distinct values and is not read by models.");
                continue;
            }

            (string, int)[] kept = [.. values.Where(value => value.Value >= LeastItems).Select(value => (ColumnOf(attribute.Name, value.Key), value.Value))];
            columns.AddRange(kept);
            if (kept.Length < values.Count)
            {
                notes?.Add(
                    $"{values.Count - kept.Length:N0} of the {values.Count:N0} values of '{attribute.Name}' have fewer than {LeastItems} items each and are not read by models.");
            }
        }

        // Alphabetical, the items' own categories first.
        IEnumerable<(string Name, int Items, bool IsOwn)> chosen = columns.Select((column, place) => (column.Name, column.Items, place < own));
        if (columns.Count > MostCategories)
        {
            notes?.Add($"Models read the {MostCategories:N0} most frequent categories and attribute values; {columns.Count - MostCategories:N0} rarer ones are left out.");
            chosen = chosen.OrderByDescending(column => column.Items).ThenBy(column => column.Name, StringComparer.Ordinal).Take(MostCategories);
        }

        return [.. chosen.OrderByDescending(column => column.IsOwn).ThenBy(column => column.Name, StringComparer.Ordinal).Select(column => column.Name)
            .Distinct(StringComparer.OrdinalIgnoreCase)];
    }

    private static NumberLayout[] NumbersOf(Catalog catalog, AttributeCounts[] attributes, ICollection<string>? notes)
    {
        var read = new List<NumberLayout>();
        foreach (AttributeCounts attribute in attributes.Where(attribute => attribute.Numbers > 0).OrderByDescending(attribute => attribute.Numbers))
        {
            if (read.Count == MostNumbers)
            {
                notes?.Add($"The attribute '{attribute.Name}' is not read by models, which read {MostNumbers} number attributes at most.");
                continue;
            }

            double[] values = [.. catalog.Items.Select(item => NumberLayout.ValueOf(item, attribute.Name)).Where(double.IsFinite).Order()];
            if (NumberLayout.Of(attribute.Name, values) is { } number)
            {
                read.Add(number);
            }
            else
            {
                notes?.Add($"The attribute '{attribute.Name}' is not read by models: {(values.Length < LeastItems ? $"fewer than {LeastItems} items have it" : "all items have the same value")}.");
            }
        }

        return [.. read.OrderByDescending(number => number.IsYear).ThenBy(number => number.Name, StringComparer.Ordinal)];
    }

    private sealed class AttributeCounts(string name)
    {
        public string Name { get; } = name;

        /// <summary>Number of items with a number or a time.</summary>
        public int Numbers { get; private set; }

        /// <summary>Number of items with each category; null if there are too many distinct ones.</summary>
        public Dictionary<string, int>? Values { get; private set; } = new(StringComparer.OrdinalIgnoreCase);

        public void Add(AttributeValue value)
        {
            if (value.Kind is AttributeKind.Number or AttributeKind.Time)
            {
                Numbers++;
            }
            else if (value.Kind is AttributeKind.Category or AttributeKind.Categories && Values is not null)
            {
                foreach (string text in value.Texts.Distinct(StringComparer.OrdinalIgnoreCase))
                {
                    Values[text] = Values.GetValueOrDefault(text) + 1;
                }

                Values = Values.Count > MostValues ? null : Values;
            }
        }
    }
}

/// <summary>How a number or time attribute is read.</summary>
/// <param name="Edges">Ascending: where a bucket of the ranker ends and the next begins.</param>
/// <param name="Knots">Ascending: in the content map, a value between two knots is shared between both.</param>
public sealed record NumberLayout(string Name, IReadOnlyList<double> Edges, IReadOnlyList<double> Knots)
{
    private const int Parts = 10;

    /// <summary>Two films at least this many years apart are not near at all.</summary>
    private const float FarYears = 40;

    /// <summary>Year buckets of nanoRecSys's ranker: before 1970, the 70s, 80s, 90s, 2000 and later.</summary>
    public static readonly NumberLayout Year = new(
        ItemAttributes.Year, [1970, 1980, 1990, 2000], [1920, 1930, 1940, 1950, 1960, 1970, 1980, 1990, 2000, 2010, 2020]);

    /// <summary>Whether it is <see cref="Year"/>.</summary>
    [JsonIgnore]
    public bool IsYear { get; } = Name.Equals(ItemAttributes.Year, StringComparison.OrdinalIgnoreCase) && Edges.SequenceEqual([1970, 1980, 1990, 2000]);

    /// <summary>Number of the ranker's buckets, including the one for unknown values.</summary>
    [JsonIgnore]
    public int Buckets => Edges.Count + 2;

    /// <summary>Values at least this far apart by <see cref="PositionOf"/> are not near at all.</summary>
    internal float Far => IsYear ? FarYears : 1;

    /// <summary>Divides values into parts of about equal size; null if there are too few values, or only one distinct value.</summary>
    /// <param name="sorted">The items' values, ascending.</param>
    internal static NumberLayout? Of(string name, double[] sorted)
    {
        bool isYear = name.Equals(ItemAttributes.Year, StringComparison.OrdinalIgnoreCase)
            && sorted.Length > 0 && sorted[sorted.Length / 2] is >= ItemText.FirstYear and <= ItemText.LastYear;
        if (isYear)
        {
            return Year;
        }

        double[] distinct = [.. sorted.Distinct()];
        if (sorted.Length < ItemLayout.LeastItems || distinct.Length < 2)
        {
            return null;
        }

        if (distinct.Length <= Parts + 1)
        {
            return new NumberLayout(name, distinct[1..], distinct);
        }

        double[] knots = Quantiles(sorted);
        knots = knots.Length < 4 ? Quantiles(distinct) : knots; // nearly all items have the same value
        return new NumberLayout(name, knots[1..^1], knots);
    }

    /// <summary>The item's number or time; NaN if unknown.</summary>
    internal static double ValueOf(CatalogItem item, string name) =>
        item.Attributes.TryGetValue(name, out AttributeValue value) && value.Kind is AttributeKind.Number or AttributeKind.Time && double.IsFinite(value.Number)
            ? value.Number
            : double.NaN;

    internal double ValueOf(CatalogItem item) => ValueOf(item, Name);

    /// <summary>0 for an unknown value, otherwise 1 plus the number of edges that are not above it.</summary>
    internal int BucketOf(double value) => double.IsNaN(value) ? 0 : 1 + Edges.Count(edge => edge <= value);

    /// <summary>
    /// Position of a value among the others: a year unchanged, any other from 0 for the smallest to 1 for the largest, by knots, so that
    /// a few huge values do not make all others look alike. NaN for an unknown value.
    /// </summary>
    internal float PositionOf(double value)
    {
        if (IsYear || double.IsNaN(value))
        {
            return (float)value;
        }

        (int below, float share) = Between(value);
        return (below + share) / (Knots.Count - 1);
    }

    /// <summary>The last knot, except the final one, that is not above a value, and the value's relative distance from it to the next, 0..1.</summary>
    internal (int Below, float Share) Between(double value)
    {
        double clamped = Math.Clamp(value, Knots[0], Knots[^1]);
        int below = 0;
        while (below + 2 < Knots.Count && Knots[below + 1] <= clamped)
        {
            below++;
        }

        return (below, (float)((clamped - Knots[below]) / (Knots[below + 1] - Knots[below])));
    }

    private static double[] Quantiles(double[] sorted) =>
        [.. Enumerable.Range(0, Parts + 1).Select(part => sorted[(int)Math.Round((double)part / Parts * (sorted.Length - 1))]).Distinct()];
}

/// <summary>The category columns of an item.</summary>
internal sealed class CategoryColumns
{
    private readonly Dictionary<string, int> _columns;

    /// <param name="names">[G] see <see cref="ItemLayout.Categories"/>; not case-sensitive.</param>
    public CategoryColumns(IReadOnlyList<string> names)
    {
        _columns = new Dictionary<string, int>(names.Count, StringComparer.OrdinalIgnoreCase);
        foreach ((int column, string name) in names.Index())
        {
            _columns.TryAdd(name, column);
        }
    }

    /// <summary>The columns of an item's values; values without a column are left out. If an item has several values of a kind, each counts less.</summary>
    public List<ContentFeature> Of(CatalogItem item)
    {
        var filled = new List<ContentFeature>();
        if (_columns.Count == 0)
        {
            return filled;
        }

        Add([.. item.Categories.Distinct(StringComparer.OrdinalIgnoreCase)]);
        foreach ((string name, AttributeValue value) in item.Attributes)
        {
            if (value.Kind is AttributeKind.Category or AttributeKind.Categories)
            {
                Add([.. value.Texts.Distinct(StringComparer.OrdinalIgnoreCase).Select(text => ItemLayout.ColumnOf(name, text))]);
            }
        }

        return filled;

        void Add(string[] names)
        {
            foreach (string name in names)
            {
                if (_columns.TryGetValue(name, out int column))
                {
                    filled.Add(new ContentFeature(column, 1 / MathF.Sqrt(names.Length)));
                }
            }
        }
    }
}
