using System.Collections.Concurrent;
using System.Collections.Frozen;

namespace NanoRecSys.Core.Serving;

/// <summary>
/// Attributes of items in columns, so that a condition is evaluated for all items without visiting them. A column is built when
/// a condition first names it. Safe for concurrent use.
/// </summary>
internal sealed class AttributeTable(IReadOnlyList<CatalogItem> items)
{
    // Names that are not attributes in the items file.
    public const string Title = "title";
    public const string Categories = "categories";
    public const string CreatedAt = "created_at";
    public const string Popularity = "\u0001popularity"; // the number of interactions; requests cannot use this name

    private static readonly FrozenDictionary<string, AttributeKind> OwnKinds = new Dictionary<string, AttributeKind>
    {
        [Title] = AttributeKind.Text,
        [Categories] = AttributeKind.Categories,
        [CreatedAt] = AttributeKind.Time,
        [Popularity] = AttributeKind.Number,
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    private readonly ConcurrentDictionary<string, double[]> _numbers = new(StringComparer.OrdinalIgnoreCase); // [V], NaN if an item has none
    private readonly ConcurrentDictionary<string, TextColumn> _texts = new(StringComparer.OrdinalIgnoreCase);
    private readonly Lazy<Dictionary<string, AttributeKind>> _kinds = new(() => ReadKinds(items));

    public int[] Rows { get; init; } = []; // rows of the items, if they are not 0, 1, 2, ...
    public IEnumerable<string> Fields => _kinds.Value.Keys; // names of the attributes

    public static bool IsNumeric(AttributeKind kind) => kind is AttributeKind.Number or AttributeKind.Time;

    /// <returns>Null if no item has the attribute.</returns>
    public AttributeKind? KindOf(string field) =>
        OwnKinds.TryGetValue(field, out AttributeKind kind) || _kinds.Value.TryGetValue(field, out kind) ? kind : null;

    public bool HasValue(string field, string text) => Texts(field).Codes.ContainsKey(text);

    /// <summary>A value as spelled in the items, given in any letter case; unchanged if no item has it.</summary>
    public string Spelling(string field, string text) => Texts(field) is var column && column.Codes.TryGetValue(text, out int code) ? column.Values[code] : text;

    /// <returns>The numbers of the items that meet the condition, ascending. An item without the attribute meets only <c>!=</c>.</returns>
    public IEnumerable<int> Matching(Condition condition, AttributeKind kind) =>
        items.Count == 0 ? [] : IsNumeric(kind) ? Matching(Numbers(condition.Field), Conditions.TestOf(condition)) : Texts(condition.Field).Matching(condition);

    /// <summary>Describes an attribute for <c>GET /catalog</c>.</summary>
    public AttributeOverview Describe(string field, int mostValues)
    {
        AttributeKind kind = KindOf(field) ?? AttributeKind.Text;
        if (IsNumeric(kind))
        {
            double[] known = [.. Numbers(field).Where(value => !double.IsNaN(value))];
            AttributeValue Shown(double value) => kind == AttributeKind.Time ? AttributeValue.OfTime((long)value) : AttributeValue.OfNumber(value);
            return new AttributeOverview(field, kind, known.Length) { Min = known.Length == 0 ? null : Shown(known.Min()), Max = known.Length == 0 ? null : Shown(known.Max()) };
        }

        TextColumn column = Texts(field);
        return new AttributeOverview(field, kind, column.ItemsWithValues) { Values = kind == AttributeKind.Text ? null : [.. column.MostCommon().Take(mostValues)] };
    }

    private static IEnumerable<int> Matching(double[] values, Func<double, bool> test)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (test(values[i]))
            {
                yield return i;
            }
        }
    }

    private double[] Numbers(string field) => _numbers.GetOrAdd(field, _ => [.. items.Select(item => NumberOf(item, field))]);

    private TextColumn Texts(string field) => _texts.GetOrAdd(field, _ => new TextColumn(items.Select(item => TextsOf(item, field))));

    private static double NumberOf(CatalogItem item, string field) =>
        field == Popularity ? item.Count
        : field.Equals(CreatedAt, StringComparison.OrdinalIgnoreCase) ? item.CreatedAt?.ToUnixTimeSeconds() ?? double.NaN
        : item.Attributes.TryGetValue(field, out AttributeValue value) ? value.Number : double.NaN;

    private static IReadOnlyList<string> TextsOf(CatalogItem item, string field) =>
        field.Equals(Categories, StringComparison.OrdinalIgnoreCase) ? item.Categories
        : field.Equals(Title, StringComparison.OrdinalIgnoreCase) ? [item.Title]
        : item.Attributes.TryGetValue(field, out AttributeValue value) ? value.Texts : [];

    // If an attribute has values of several kinds, the first kind counts.
    private static Dictionary<string, AttributeKind> ReadKinds(IReadOnlyList<CatalogItem> items)
    {
        var kinds = new Dictionary<string, AttributeKind>(StringComparer.OrdinalIgnoreCase);
        foreach ((string name, AttributeValue value) in items.SelectMany(item => item.Attributes))
        {
            kinds.TryAdd(name, value.Kind);
        }

        return kinds;
    }

    /// <summary>Each item's texts as codes of the distinct texts.</summary>
    private sealed class TextColumn
    {
        private readonly int[] _offsets; // [V + 1]
        private readonly int[] _codes;

        public TextColumn(IEnumerable<IReadOnlyList<string>> texts)
        {
            List<int> offsets = [0];
            var codes = new List<int>();
            foreach (IReadOnlyList<string> some in texts)
            {
                foreach (string text in some)
                {
                    if (!Codes.TryGetValue(text, out int code))
                    {
                        Codes[text] = code = Values.Count;
                        Values.Add(text);
                    }

                    codes.Add(code);
                }

                offsets.Add(codes.Count);
            }

            (_offsets, _codes) = ([.. offsets], [.. codes]);
        }

        public Dictionary<string, int> Codes { get; } = new(StringComparer.OrdinalIgnoreCase);
        public List<string> Values { get; } = [];
        public int ItemsWithValues => Enumerable.Range(0, _offsets.Length - 1).Count(i => _offsets[i] < _offsets[i + 1]);

        public IEnumerable<ValueCount> MostCommon() => _codes.CountBy(code => code)
            .Select(count => new ValueCount(Values[count.Key], count.Value))
            .OrderByDescending(count => count.Items).ThenBy(count => count.Value, StringComparer.Ordinal);

        public IEnumerable<int> Matching(Condition condition)
        {
            var wanted = new bool[Values.Count];
            foreach (ConditionValue value in condition.Values)
            {
                if (condition.Op == Conditions.Contains)
                {
                    for (int code = 0; code < wanted.Length; code++)
                    {
                        wanted[code] |= Values[code].Contains(value.Text!, StringComparison.OrdinalIgnoreCase);
                    }
                }
                else if (Codes.TryGetValue(value.Text!, out int code))
                {
                    wanted[code] = true;
                }
            }

            bool isWithout = condition.Op == Conditions.NotEqual;
            for (int i = 0; i < _offsets.Length - 1; i++)
            {
                bool has = false;
                for (int c = _offsets[i]; c < _offsets[i + 1] && !has; c++)
                {
                    has = wanted[_codes[c]];
                }

                if (has != isWithout)
                {
                    yield return i;
                }
            }
        }
    }
}
