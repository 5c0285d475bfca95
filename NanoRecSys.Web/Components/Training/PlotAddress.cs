using Microsoft.AspNetCore.Http.HttpResults;

namespace NanoRecSys.Web.Components.Training;

/// <summary>Training plots at an address of this site, because a browser may not reach the API.</summary>
internal static class PlotAddress
{
    public static string Of(string version, string name) => $"/plots/{Uri.EscapeDataString(version)}/{Uri.EscapeDataString(name)}";

    public static void MapPlots(this IEndpointRouteBuilder app) => app.MapGet("/plots/{version}/{name}", GetPlotAsync);

    private static async Task<Results<FileStreamHttpResult, ContentHttpResult>> GetPlotAsync(
        string version, string name, RecommenderClient api, HttpContext http, CancellationToken cancellation)
    {
        HttpResponseMessage response;
        try
        {
            response = await api.PlotAsync(version, name, cancellation);
        }
        catch (ApiException e)
        {
            return TypedResults.Text(e.Message, statusCode: StatusCodes.Status503ServiceUnavailable);
        }

        http.Response.RegisterForDispose(response);
        if (!response.IsSuccessStatusCode)
        {
            return TypedResults.Text($"The API answered {(int)response.StatusCode}.", statusCode: (int)response.StatusCode);
        }

        // A version's files never change: its name is their hash.
        http.Response.Headers.CacheControl = "private, max-age=86400, immutable";
        http.Response.Headers.ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'"; // an SVG is a document
        return TypedResults.Stream(await response.Content.ReadAsStreamAsync(cancellation), response.Content.Headers.ContentType?.ToString());
    }
}
