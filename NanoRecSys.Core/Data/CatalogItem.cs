using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Core.Data;

/// <summary>What is known of one item.</summary>
/// <param name="Index">Row of the item table.</param>
/// <param name="MovieId">The data set's movie id.</param>
/// <param name="Title">In reading order, without the year; the id as text where the data has no titles.</param>
/// <param name="Year">Year of release, if known.</param>
/// <param name="Genres">In the order of the file; empty where unknown.</param>
/// <param name="Count">Interactions in the histories that are served with this catalog.</param>
public sealed record CatalogItem(int Index, int MovieId, string Title, int? Year, IReadOnlyList<string> Genres, int Count)
{
    /// <summary>As answers show it.</summary>
    public MovieInfo ToMovieInfo() => new(MovieId, Title, Year, Genres);
}
