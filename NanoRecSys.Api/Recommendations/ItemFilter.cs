using System.Globalization;
using NanoRecSys.Api.Models;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Which movies may be recommended at all. Works inside the search, so that K come back where K exist.</summary>
public sealed record ItemFilter
{
    public static readonly ItemFilter None = new();

    /// <summary>At least one of these; empty for any.</summary>
    public IReadOnlyList<string> GenresAny { get; init; } = [];

    /// <summary>None of these.</summary>
    public IReadOnlyList<string> GenresNone { get; init; } = [];

    /// <summary>First year of release; a movie of unknown year does not pass.</summary>
    public int? YearFrom { get; init; }

    /// <summary>Last year of release; a movie of unknown year does not pass.</summary>
    public int? YearTo { get; init; }

    /// <summary>Movie ids to leave out.</summary>
    public IReadOnlyList<int> ExcludeIds { get; init; } = [];

    /// <summary>Movie ids to choose from; empty for all.</summary>
    public IReadOnlyList<int> OnlyIds { get; init; } = [];

    /// <summary>Least interactions in the served histories.</summary>
    public int MinPopularity { get; init; }

    /// <summary>The same text for the same filter, whatever the order of its lists; empty for none.</summary>
    public string Fingerprint => IsNone ? "" : string.Create(CultureInfo.InvariantCulture,
        $"{Text(GenresAny)};{Text(GenresNone)};{YearFrom};{YearTo};{Ids(ExcludeIds)};{Ids(OnlyIds)};{MinPopularity}");

    public bool IsNone => !LooksAtItems && OnlyIds.Count == 0 && ExcludeIds.Count == 0;

    private bool LooksAtItems => GenresAny.Count > 0 || GenresNone.Count > 0 || YearFrom is not null || YearTo is not null || MinPopularity > 0;

    /// <returns>Rows that pass; null where all do.</returns>
    public RowSet? Allowed(ServedCatalog catalog)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        if (IsNone)
        {
            return null;
        }

        var allowed = new RowSet(catalog.Count);
        IEnumerable<int> rows = OnlyIds.Count == 0 ? Enumerable.Range(0, catalog.Count) : Rows(catalog, OnlyIds);
        foreach (int row in rows)
        {
            if (!LooksAtItems || Passes(catalog.ItemAt(row)))
            {
                allowed.Add(row);
            }
        }

        allowed.RemoveRange([.. Rows(catalog, ExcludeIds)]);
        return allowed;
    }

    /// <summary>Ids among the filter's that the catalog does not hold.</summary>
    public IEnumerable<int> UnknownIds(ServedCatalog catalog) => OnlyIds.Concat(ExcludeIds).Distinct().Where(id => !catalog.TryFind(id, out _));

    private static IEnumerable<int> Rows(ServedCatalog catalog, IReadOnlyList<int> ids)
    {
        foreach (int id in ids)
        {
            if (catalog.TryFind(id, out int row))
            {
                yield return row;
            }
        }
    }

    private bool Passes(CatalogItem item) =>
        item.Count >= MinPopularity
        && (YearFrom is null || item.Year >= YearFrom)
        && (YearTo is null || item.Year <= YearTo)
        && (GenresAny.Count == 0 || HasOneOf(item, GenresAny))
        && !HasOneOf(item, GenresNone);

    private static bool HasOneOf(CatalogItem item, IReadOnlyList<string> genres)
    {
        foreach (string genre in item.Genres)
        {
            for (int i = 0; i < genres.Count; i++)
            {
                if (genre.Equals(genres[i], StringComparison.OrdinalIgnoreCase))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static string Text(IReadOnlyList<string> genres) =>
        string.Join('|', genres.Select(genre => genre.ToUpperInvariant()).Distinct().Order(StringComparer.Ordinal));

    private static string Ids(IReadOnlyList<int> ids) => string.Join(',', ids.Distinct().Order());
}
