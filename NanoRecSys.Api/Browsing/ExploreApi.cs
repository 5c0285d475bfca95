using Microsoft.AspNetCore.Http.HttpResults;
using NanoRecSys.Api.Errors;
using NanoRecSys.Api.Items;
using NanoRecSys.Api.Models;
using NanoRecSys.Api.Status;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Api.Browsing;

/// <summary>One movie, and all of them on a plane: <c>GET /items/{id}</c>, <c>/items/{id}/audience</c>, <c>/map</c>.</summary>
internal static class ExploreApi
{
    public static void MapExplore(this IEndpointRouteBuilder app)
    {
        app.MapGet("/items/{id}", GetMovie)
            .WithTags("Browsing").WithSummary("What is known of a movie").WithAnswer<MovieDetail>();
        app.MapGet("/items/{id}/audience", GetAudience)
            .WithTags("Browsing").WithSummary("Whom the model would show a movie to, among a sample of users").WithAnswer<MovieAudience>();
        app.MapGet("/map", GetMap)
            .WithTags("Browsing").WithSummary("The item embeddings on a plane, laid out when the version was published").WithAnswer<ItemMap>();
    }

    private static IResult GetMovie(ServedModel served, AddedMovies added, StatusReader status, string id)
    {
        var fields = new UrlFields();
        int movie = fields.Int32("path", "id", id, 0);
        return LookUp.Answer(fields, served, status, model =>
        {
            if (!model.Catalog.TryFind(new ItemId(movie), out ItemIndex index))
            {
                return added.Current.FirstOrDefault(item => item.MovieId == movie) is { } news
                    ? TypedResults.Ok(new MovieDetail(news.ToMovieInfo(), 0, null, model.Catalog.Count, null, null))
                    : Unknown(movie);
            }

            CatalogItem item = model.Catalog[index];
            int place = 1 + model.Catalog.Items.Count(other => other.Count > item.Count);
            return TypedResults.Ok(new MovieDetail(
                item.ToMovieInfo(), item.Count, place, model.Catalog.Count, model.ItemMap?[2 * item.Index], model.ItemMap?[2 * item.Index + 1]));
        });
    }

    private static IResult GetAudience(ServedModel served, StatusReader status, string id)
    {
        var fields = new UrlFields();
        int movie = fields.Int32("path", "id", id, 0);
        return LookUp.Answer(fields, served, status, model =>
            model.Catalog.TryFind(new ItemId(movie), out ItemIndex index) ? TypedResults.Ok(Audience.Of(model, index.Value)) : Unknown(movie));
    }

    private static IResult GetMap(ServedModel served, StatusReader status) =>
        LookUp.Answer(new UrlFields(), served, status, model => model.ItemMap is { } places
            ? TypedResults.Ok(new ItemMap(
                model.Version, model.Artifacts.Manifest.ItemMap!.Method, model.Artifacts.Manifest.ItemMap.Kept,
                [.. model.Catalog.Items.Select(item => new MapPoint(item.ToMovieInfo(), item.Count, places[2 * item.Index], places[2 * item.Index + 1]))]))
            : TypedResults.NotFound(new PlainError($"Version {model.Version} was published without a map. Run 'publish' again.")));

    private static NotFound<PlainError> Unknown(int movie) => TypedResults.NotFound(new PlainError($"Movie {movie} is not in the served model's catalog."));
}
