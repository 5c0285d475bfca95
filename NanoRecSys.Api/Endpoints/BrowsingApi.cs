using System.ComponentModel;
using System.Text;
using NanoRecSys.Api.Http;
using NanoRecSys.Api.Items;
using NanoRecSys.Api.Pipeline;
using NanoRecSys.Api.Serving;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Endpoints;

/// <summary>What the served model holds: <c>GET /users</c>, <c>/users/{id}/history</c>, <c>/items</c>, <c>/items/{id}/similar</c>, <c>/catalog</c>.</summary>
internal static class BrowsingApi
{
    private const int MaxRows = 200;
    private const int MaxQuery = 200; // characters

    public static void AddBrowsing(this WebApplicationBuilder builder) => builder.Services.AddSingleton<LookUp>();

    public static void MapBrowsing(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder browsing = app.MapGroup("").WithTags("Browsing");
        RouteGroupBuilder computed = browsing.MapGroup("").AddEndpointFilter<RouteGroupBuilder, ComputeFilter>();
        computed.MapGet("/users", GetUsers)
            .WithSummary("Users whose id begins with the query").WithAnswer<UserList>().RequireKey(KeyRole.Read);
        browsing.MapGet("/users/{id}/history", GetHistory)
            .WithSummary("What a user has seen, newest first").WithAnswer<UserHistoryResponse>().RequireKey(KeyRole.Read);
        computed.MapGet("/items", GetItems)
            .WithSummary("Movies by the words of their title, their beginnings or near misses; the best match first, then the most watched").WithAnswer<MovieList>();
        computed.MapGet("/items/{id}/similar", GetSimilar)
            .WithSummary("The movies nearest to one, by cosine of their embeddings").WithAnswer<MovieList>();
        computed.MapGet("/catalog", GetCatalog)
            .WithSummary("Genres and years of the served model's movies: the values for filters").WithAnswer<CatalogOverview>();
    }

    private static IResult GetUsers(
        LookUp lookUp, string? query = null, [Description("1 to 200; default: 20")] string? limit = null,
        [Description("Users to skip; default: 0")] string? offset = null)
    {
        var fields = new UrlFields();
        int take = fields.Int32("query", "limit", limit, 20, 1, MaxRows);
        int skip = fields.Int32("query", "offset", offset, 0, 0, int.MaxValue);
        return lookUp.Answer(fields, model =>
        {
            var found = new List<UserSummary>(take);
            byte[] prefix = Encoding.UTF8.GetBytes(query ?? "");
            int total = 0;
            for (int position = 0; position < model.Histories.UserCount; position++)
            {
                if (!model.Histories.Users.Utf8At(position).StartsWith(prefix))
                {
                    continue;
                }

                if (total++ >= skip && found.Count < take)
                {
                    found.Add(new UserSummary(model.Histories.Users[position], model.Histories.At(position).Length));
                }
            }

            return TypedResults.Ok(new UserList(total, found));
        });
    }

    private static async Task<IResult> GetHistory(
        LookUp lookUp, HistoryReader histories, string id, [Description("1 to 200; default: 50")] string? limit = null)
    {
        var fields = new UrlFields();
        EntityId user = fields.Id("path", "id", id);
        int take = fields.Int32("query", "limit", limit, 50, 1, MaxRows);
        using SnapshotLease? lease = lookUp.Served.Lease();
        if (lookUp.Refusal(fields, lease) is { } refusal)
        {
            return refusal;
        }

        ServedCatalog catalog = lookUp.Catalog(lease!.Model);
        History history = await histories.ReadUserAsync(catalog, user);
        return history is { EmptyReason: HistoryReader.UnknownUser, IsWhole: true }
            ? TypedResults.NotFound(new PlainError($"User {user} is unknown."))
            : TypedResults.Ok(new UserHistoryResponse(lease.Model.Histories.Users.Typed(user), history.Rows.Length, [.. history.Rows.Reverse().Take(take).Select(catalog.MovieAt)], Degraded: !history.IsWhole));
    }

    private static IResult GetItems(
        LookUp lookUp, string? query = null, [Description("1 to 200; default: 20")] string? limit = null,
        [Description("Instead of a query: ids with commas between, at most 200; answered in this order")] string? ids = null)
    {
        var fields = new UrlFields();
        if (ids is not null)
        {
            EntityId[] wanted = fields.IdList("query", "ids", ids, MaxRows);
            return lookUp.Answer(fields, model => TypedResults.Ok(new MovieList([.. wanted
                .Select(id => model.Catalog.TryFind(id, out ItemIndex row) ? model.Catalog[row] : lookUp.Added.Find(id))
                .OfType<CatalogItem>()
                .Select(item => item.ToMovieInfo())])));
        }

        int take = fields.Int32("query", "limit", limit, 20, 1, MaxRows);
        string text = fields.Text("query", "query", query, MaxQuery);
        return lookUp.Answer(fields, model =>
        {
            ArraySegment<AddedItem> news = lookUp.Added.Current.Items;
            IEnumerable<(CatalogItem Item, int Score)> found = model.Titles.Find(text).Select(match => (model.Catalog.Items[match.Place], match.Score))
                .Concat(TitleSearch.Find(text, news.Select(item => item.Words)).Select(match => (news[match.Place].Item, match.Score))
                    .Where(match => !model.Catalog.TryFind(match.Item.Id, out _))); // a later training took it in
            return TypedResults.Ok(new MovieList([.. found
                .OrderByDescending(match => match.Score).ThenByDescending(match => match.Item.Count).ThenBy(match => match.Item.Index)
                .Take(take)
                .Select(match => match.Item.ToMovieInfo())]));
        });
    }

    private static IResult GetSimilar(
        LookUp lookUp, string id, [Description("1 to 100; default: 10")] string? k = null)
    {
        var fields = new UrlFields();
        EntityId movie = fields.Id("path", "id", id);
        int take = fields.Int32("query", "k", k, 10, 1, 100);
        return lookUp.Answer(fields, model =>
        {
            ServedCatalog catalog = lookUp.Catalog(model);
            if (!catalog.TryFind(movie, out int row))
            {
                return TypedResults.NotFound(new PlainError(lookUp.Added.Knows(movie)
                    ? $"Movie {movie} is new, and this model cannot place it yet."
                    : $"Movie {movie} is not in the catalog."));
            }

            var itself = new RowSet(catalog.Count);
            itself.Add(row);
            var nearest = new Candidate[take];
            int found = catalog.News.Index.Search(catalog.EmbeddingOf(row), new RowFilter(itself), nearest);
            return TypedResults.Ok(new MovieList(
                [.. nearest[..found].Select(candidate => catalog.MovieAt(candidate.Row))], [.. nearest[..found].Select(candidate => candidate.Score)]));
        });
    }

    private static IResult GetCatalog(LookUp lookUp) =>
        lookUp.Answer(new UrlFields(), model => TypedResults.Ok(new CatalogOverview(
            model.Catalog.Count,
            model.Catalog.Items.Min(item => item.Year),
            model.Catalog.Items.Max(item => item.Year),
            [.. model.Catalog.Items
                .SelectMany(item => item.Categories)
                .CountBy(genre => genre)
                .OrderByDescending(genre => genre.Value).ThenBy(genre => genre.Key, StringComparer.Ordinal)
                .Select(genre => new GenreCount(genre.Key, genre.Value))])));
}

/// <summary>What every call that looks something up in the served model needs.</summary>
internal sealed class LookUp(ServedModel served, AddedMovies added, StatusReader status)
{
    public ServedModel Served => served;

    public AddedMovies Added => added;

    public ServedCatalog Catalog(ModelSnapshot model) => new(model, model.Extend(added.Current));

    public IResult Answer(UrlFields fields, Func<ModelSnapshot, IResult> read)
    {
        using SnapshotLease? lease = served.Lease();
        return Refusal(fields, lease) ?? read(lease!.Model);
    }

    /// <summary>Null only if there is a model to ask.</summary>
    public IResult? Refusal(UrlFields fields, SnapshotLease? lease) =>
        fields.Errors.Count > 0 ? TypedResults.UnprocessableEntity(new FieldErrors(fields.Errors))
        : lease is null ? StatusApi.NotReadyResult(status.Read())
        : null;
}
