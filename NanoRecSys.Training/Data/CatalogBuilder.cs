using NanoRecSys.Core.Data;

namespace NanoRecSys.Training.Data;

/// <summary>Puts together what the movies file says about each item.</summary>
internal static class CatalogBuilder
{
    /// <param name="movieIds">[V]</param>
    /// <param name="counts">[V] interactions that train.</param>
    /// <param name="movies">Of the movies file; an item that is missing there goes by its id.</param>
    public static Catalog Build(int[] movieIds, int[] counts, IReadOnlyList<MovieRow> movies)
    {
        var byId = new Dictionary<int, MovieRow>(movies.Count);
        foreach (MovieRow movie in movies)
        {
            byId.TryAdd(movie.Id, movie); // Of a movie listed twice the first row counts.
        }

        return new Catalog([.. movieIds.Select((id, row) =>
        {
            if (!byId.TryGetValue(id, out MovieRow? movie))
            {
                return new CatalogItem(row, id, $"{id}", null, [], counts[row]);
            }

            MovieTitle title = MovieTitle.Parse(movie.Title);
            return new CatalogItem(row, id, title.Title, title.Year, movie.Genres, counts[row]);
        })]);
    }
}
