using NanoRecSys.Core.Contracts;
using NanoRecSys.Web.Client;
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
    string Version, double Kept, IReadOnlyList<MapGenre> Genres, IReadOnlyList<EntityId> Ids, IReadOnlyList<string> Titles, IReadOnlyList<int?> Years,
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

/// <summary>
/// <c>GET /explore/map</c>: what the browser draws. By HTTP and not through the circuit, so that it is compressed, kept
/// by the browser, and never in the way of a click.
/// </summary>
internal static class MapEndpoint
{
    public static void MapExploreData(this WebApplication app) => app.MapGet("/explore/map", GetMapAsync);

    private static async Task<IResult> GetMapAsync(RecommenderClient client, HttpContext context, CancellationToken cancellation)
    {
        try
        {
            MapSheet sheet = MapSheet.From(await client.MapAsync(cancellation));
            string tag = $"\"{sheet.Version}\"";
            context.Response.Headers.ETag = tag;
            context.Response.Headers.CacheControl = "no-cache"; // Revalidated each time: 304 until another version is served.
            return context.Request.Headers.IfNoneMatch == tag ? TypedResults.StatusCode(StatusCodes.Status304NotModified) : TypedResults.Ok(sheet);
        }
        catch (ApiException e)
        {
            // Plain text: the status page must not replace the reason.
            return TypedResults.Text(e.Message, statusCode: e.Failure == ApiFailure.Refused ? StatusCodes.Status409Conflict : StatusCodes.Status503ServiceUnavailable);
        }
    }
}

/// <summary>Colors of the genres on the map: as far apart as possible, and near the genre's own color if it has one.</summary>
public static class MapHues
{
    /// <summary>0 to 359 on the colour wheel; null, a gray, without a genre.</summary>
    public static int? Of(string genre) => genre switch
    {
        "Action" => 10,
        "Western" => 30,
        "Comedy" => 46,
        "Children" => 62,
        "War" => 84,
        "Adventure" => 112,
        "Animation" => 138,
        "Fantasy" => 160,
        "Documentary" => 178,
        "Sci-Fi" => 196,
        "Thriller" => 214,
        "Crime" => 232,
        "Film-Noir" => 250,
        "Drama" => 268,
        "Mystery" => 286,
        "Musical" => 306,
        "Romance" => 330,
        "Horror" => 352,
        _ => null,
    };
}
