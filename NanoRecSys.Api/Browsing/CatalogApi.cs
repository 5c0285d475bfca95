using NanoRecSys.Api.Errors;
using NanoRecSys.Api.Models;
using NanoRecSys.Api.Status;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Browsing;

/// <summary>The catalog as a whole: <c>GET /catalog</c>.</summary>
internal static class CatalogApi
{
    public static void MapCatalog(this IEndpointRouteBuilder app) => app.MapGet("/catalog", GetCatalog)
        .WithTags("Browsing").WithSummary("Genres and years of the served model's movies: what filters can ask for").WithAnswer<CatalogOverview>();

    private static IResult GetCatalog(ServedModel served, StatusReader status) =>
        LookUp.Answer(new UrlFields(), served, status, model => TypedResults.Ok(new CatalogOverview(
            model.Catalog.Count,
            model.Catalog.Items.Min(item => item.Year),
            model.Catalog.Items.Max(item => item.Year),
            [.. model.Catalog.Items
                .SelectMany(item => item.Genres)
                .CountBy(genre => genre)
                .OrderByDescending(genre => genre.Value).ThenBy(genre => genre.Key, StringComparer.Ordinal)
                .Select(genre => new GenreCount(genre.Key, genre.Value))])));
}
