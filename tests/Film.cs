using System.Globalization;

namespace NanoRecSys.Tests;

/// <summary>MovieLens-like catalog items: genres, and the year as an attribute.</summary>
internal static class Film
{
    public static CatalogItem Of(int index, EntityId id, string title, int? year, IReadOnlyList<string> genres, int count) =>
        new(index, id, title, genres, count) { Attributes = ItemAttributes.OfYear(year) };
}

internal static class EntityIdExtensions
{
    /// <summary>The id as a number, for MovieLens-like data.</summary>
    public static int Number(this EntityId id) => int.Parse(id.Text, CultureInfo.InvariantCulture);
}
