namespace NanoRecSys.Web.Components.Explore;

/// <summary>The map's data for the browser: columns as long as <paramref name="Ids"/>, which compress well.</summary>
/// <param name="Kept">See <see cref="ItemMap"/>.</param>
/// <param name="Categories">The most telling categories of the items, with their colours, in the order of the legend.</param>
/// <param name="Notes">What distinguishes an item from others of the same title; null if nothing does.</param>
/// <param name="X">-1..1</param>
/// <param name="Y">-1..1</param>
public sealed record MapSheet(
    string Version, double Kept, IReadOnlyList<MapCategory> Categories, IReadOnlyList<string> Ids, IReadOnlyList<string> Titles, IReadOnlyList<string?> Notes,
    IReadOnlyList<int> Category, IReadOnlyList<int> Interactions, IReadOnlyList<double> X, IReadOnlyList<double> Y)
{
    private const int Digits = 4; // a ten-thousandth of the map is less than a pixel at every zoom level
    private const int MostCategories = 18; // more colours could not be distinguished

    public static MapSheet From(ItemMap map)
    {
        ItemInfo[] items = [.. map.Points.Select(point => point.Item)];
        string[] telling = Telling(items);
        (string Name, int Items)[] counts = [.. telling.CountBy(category => category).OrderByDescending(category => category.Value).Select(category => (category.Key, category.Value))];
        MapCategory[] categories = [.. counts.Select((category, place) => new MapCategory(
            category.Name, category.Name.Length == 0 ? null : MapHues.Of(category.Name) ?? place * 360 / MostCategories, category.Items))];
        Dictionary<string, int> places = categories.Select((category, place) => (category.Name, place)).ToDictionary(entry => entry.Name, entry => entry.place);
        return new MapSheet(
            map.Version, map.Kept, categories, [.. items.Select(item => item.ItemId.Text)], [.. items.Select(item => item.Title)],
            [.. items.Select(ItemWords.Year)], [.. telling.Select(category => places[category])], [.. map.Points.Select(point => point.Interactions)],
            [.. map.Points.Select(point => Math.Round((double)point.X, Digits))], [.. map.Points.Select(point => Math.Round((double)point.Y, Digits))]);
    }

    // The genre of a film; for other items their rarest category that is common enough to have its own colour.
    private static string[] Telling(ItemInfo[] items)
    {
        string[] genres = [.. items.Select(PosterArt.TellingGenre)];
        if (genres.Count(genre => genre.Length > 0) > items.Length / 2)
        {
            return genres;
        }

        Dictionary<string, int> common = items.SelectMany(item => item.Categories).CountBy(category => category)
            .OrderByDescending(category => category.Value).Take(MostCategories - 1).ToDictionary(category => category.Key, category => category.Value);
        return [.. items.Select(item => item.Categories.Where(common.ContainsKey).MinBy(category => common[category]) ?? "")];
    }
}

/// <param name="Name">As the catalog spells it; empty for items without a category, or with rarer ones.</param>
/// <param name="Hue">See <see cref="MapHues"/>.</param>
/// <param name="Items">Number of items drawn in its colour.</param>
public sealed record MapCategory(string Name, int? Hue, int Items);

/// <summary>
/// <c>GET /explore/map</c>: the map's data. Sent by HTTP and not through the circuit, so that it is compressed, cached
/// by the browser, and never delays a click.
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
            context.Response.Headers.CacheControl = "no-cache"; // revalidated each time: 304 until another version is served
            return context.Request.Headers.IfNoneMatch == tag ? TypedResults.StatusCode(StatusCodes.Status304NotModified) : TypedResults.Ok(sheet);
        }
        catch (ApiException e)
        {
            // Plain text: the status page must not replace the reason.
            return TypedResults.Text(e.Message, statusCode: e.Failure is ApiFailure.NotFound or ApiFailure.Refused ? StatusCodes.Status409Conflict : StatusCodes.Status503ServiceUnavailable);
        }
    }
}

/// <summary>Colors of the genres on the map: as far apart as possible, and close to the genre's own color if it has one.</summary>
public static class MapHues
{
    /// <summary>0 to 359 on the colour wheel; null (gray) without a genre.</summary>
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
