using NanoRecSys.Web.Client;

namespace NanoRecSys.Web.Components.Explore;

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
