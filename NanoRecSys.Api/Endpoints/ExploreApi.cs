using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using NanoRecSys.Api.Http;
using NanoRecSys.Api.Serving;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Api.Endpoints;

/// <summary>One movie, and all of them on a plane: <c>GET /items/{id}</c>, <c>/items/{id}/audience</c>, <c>/map</c>.</summary>
internal static class ExploreApi
{
    // A megabyte of JSON that a version never changes: written once, forgotten with the version.
    private static readonly ConditionalWeakTable<ModelSnapshot, Lazy<byte[]>> Maps = [];

    public static void MapExplore(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder explore = app.MapGroup("").WithTags("Browsing").AddEndpointFilter<RouteGroupBuilder, ComputeFilter>();
        explore.MapGet("/items/{id}", GetMovie).WithSummary("A movie's data and its place among the most watched").WithAnswer<MovieDetail>();
        explore.MapGet("/items/{id}/audience", GetAudience)
            .WithSummary("Users that the model would show a movie to, from a sample").WithAnswer<MovieAudience>().RequireKey(KeyRole.Read);
        explore.MapGet("/map", GetMap)
            .WithSummary("The item embeddings on a plane, laid out when the version was published").WithAnswer<ItemMap>();
    }

    private static IResult GetMovie(LookUp lookUp, string id)
    {
        var fields = new UrlFields();
        EntityId movie = fields.Id("path", "id", id);
        return lookUp.Answer(fields, model =>
        {
            if (!model.Catalog.TryFind(movie, out ItemIndex index))
            {
                return lookUp.Added.Find(movie) is { } news
                    ? TypedResults.Ok(new MovieDetail(news.ToMovieInfo(), 0, null, model.Catalog.Count, null, null))
                    : Unknown(movie);
            }

            CatalogItem item = model.Catalog[index];
            int place = 1 + model.Catalog.Items.Count(other => other.Count > item.Count);
            return TypedResults.Ok(new MovieDetail(
                item.ToMovieInfo(), item.Count, place, model.Catalog.Count, model.ItemMap?[2 * item.Index], model.ItemMap?[2 * item.Index + 1]));
        });
    }

    private static Task<IResult> GetAudience(LookUp lookUp, string id)
    {
        var fields = new UrlFields();
        EntityId movie = fields.Id("path", "id", id);
        IResult Compute() => lookUp.Answer(fields, model =>
            model.Catalog.TryFind(movie, out ItemIndex index) ? TypedResults.Ok(Audience.Of(model, index.Value)) : Unknown(movie));

        // Tens of milliseconds, and seconds while the sample is drawn: not on a thread that health checks wait for.
        return Task.Factory.StartNew(Compute, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    private static IResult GetMap(LookUp lookUp) => lookUp.Answer(new UrlFields(), model => model.ItemMap is { } places
        // As a stream: written in pieces, so that a client that does not read holds one piece of it in memory.
        ? TypedResults.Stream(new MemoryStream(Maps.GetValue(model, _ => new Lazy<byte[]>(() => WriteMap(model, places))).Value, writable: false), "application/json; charset=utf-8")
        : TypedResults.NotFound(new PlainError($"Version {model.Version} was published without a map. Run 'publish' again.")));

    private static byte[] WriteMap(ModelSnapshot model, float[] places) => JsonSerializer.SerializeToUtf8Bytes(
        new ItemMap(
            model.Version, model.Artifacts.Manifest.ItemMap!.Method, model.Artifacts.Manifest.ItemMap.Kept,
            [.. model.Catalog.Items.Select(item => new MapPoint(item.ToMovieInfo(), item.Count, places[2 * item.Index], places[2 * item.Index + 1]))]),
        ApiJson.Default.ItemMap);

    private static NotFound<PlainError> Unknown(EntityId movie) => TypedResults.NotFound(new PlainError($"Movie {movie} is not in the served model's catalog."));
}
