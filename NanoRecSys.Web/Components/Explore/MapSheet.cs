using NanoRecSys.Core.Contracts;
using NanoRecSys.Web.Components.Recommend;

namespace NanoRecSys.Web.Components.Explore;

/// <summary>The map as the browser draws it: columns, all of the length of <paramref name="Ids"/>, which compress well.</summary>
/// <param name="Version">The model's.</param>
/// <param name="Kept">See <see cref="ItemMap"/>.</param>
/// <param name="Genres">The most telling genre of some movie each, with its colour; in the order of the legend.</param>
/// <param name="Ids">Movie ids.</param>
/// <param name="Titles">Titles.</param>
/// <param name="Years">Years of release; null where unknown.</param>
/// <param name="Genre">Places in <paramref name="Genres"/>.</param>
/// <param name="Watched">Interactions.</param>
/// <param name="X">-1..1</param>
/// <param name="Y">-1..1</param>
public sealed record MapSheet(
    string Version, double Kept, IReadOnlyList<MapGenre> Genres, IReadOnlyList<int> Ids, IReadOnlyList<string> Titles, IReadOnlyList<int?> Years,
    IReadOnlyList<int> Genre, IReadOnlyList<int> Watched, IReadOnlyList<double> X, IReadOnlyList<double> Y)
{
    private const int Digits = 4; // A ten-thousandth of the map is less than a pixel at any zoom that is offered.

    public static MapSheet From(ItemMap map)
    {
        string[] telling = [.. map.Points.Select(point => PosterArt.TellingGenre(point.Movie))];
        MapGenre[] genres = [.. telling.CountBy(genre => genre)
            .OrderByDescending(genre => genre.Value)
            .Select(genre => new MapGenre(genre.Key, MapHues.Of(genre.Key), genre.Value))];
        Dictionary<string, int> places = genres.Select((genre, place) => (genre.Name, place)).ToDictionary(entry => entry.Name, entry => entry.place);
        return new MapSheet(
            map.Version, map.Kept, genres, [.. map.Points.Select(point => point.Movie.MovieId)], [.. map.Points.Select(point => point.Movie.Title)],
            [.. map.Points.Select(point => point.Movie.Year)], [.. telling.Select(genre => places[genre])], [.. map.Points.Select(point => point.Watched)],
            [.. map.Points.Select(point => Math.Round((double)point.X, Digits))], [.. map.Points.Select(point => Math.Round((double)point.Y, Digits))]);
    }
}

/// <param name="Name">As the catalog spells it; empty for movies without any.</param>
/// <param name="Hue">See <see cref="MapHues"/>.</param>
/// <param name="Movies">Number of movies drawn in it.</param>
public sealed record MapGenre(string Name, int? Hue, int Movies);
