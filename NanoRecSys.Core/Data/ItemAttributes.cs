using System.Collections.Frozen;

namespace NanoRecSys.Core.Data;

/// <summary>Attributes of an item by name; names are compared without regard to case.</summary>
internal static class ItemAttributes
{
    public static readonly IReadOnlyDictionary<string, AttributeValue> None = FrozenDictionary<string, AttributeValue>.Empty;

    /// <summary>MovieLens' year of release, which nanoRecSys' ranker has an input for.</summary>
    public const string Year = "year";

    public static IReadOnlyDictionary<string, AttributeValue> OfYear(int? year) =>
        year is { } known ? new Dictionary<string, AttributeValue>(StringComparer.OrdinalIgnoreCase) { [Year] = AttributeValue.OfNumber(known) } : None;
}
