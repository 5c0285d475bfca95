using System.ComponentModel;
using System.Globalization;
using NanoRecSys.Api.Errors;
using NanoRecSys.Api.Items;
using NanoRecSys.Api.Pipeline;
using NanoRecSys.Api.Serving;
using NanoRecSys.Api.Status;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Browsing;

/// <summary>Looking around: <c>GET /users</c>, <c>/users/{id}/history</c>, <c>/items</c>, <c>/items/{id}/similar</c>.</summary>
internal static class BrowsingApi
{
    private const int MaxRows = 200;
    private const int MaxQuery = 200; // characters

    public static void MapBrowsing(this IEndpointRouteBuilder app)
    {
        app.MapGet("/users", GetUsers)
            .WithTags("Browsing").WithSummary("Users whose id begins with the query").WithAnswer<UserList>();
        app.MapGet("/users/{id}/history", GetHistory)
            .WithTags("Browsing").WithSummary("What a user has seen, newest first").WithAnswer<UserHistoryResponse>();
        app.MapGet("/items", GetItems)
            .WithTags("Browsing").WithSummary("Movies by the words of their title, their beginnings or near misses; the best match first, then the most watched").WithAnswer<MovieList>();
        app.MapGet("/items/{id}/similar", GetSimilar)
            .WithTags("Browsing").WithSummary("The movies nearest to one, by cosine of their embeddings").WithAnswer<MovieList>();
    }

    private static IResult GetUsers(
        ServedModel served, StatusReader status, string? query = null, [Description("1 to 200; 20 unless told")] string? limit = null,
        [Description("Users to skip; 0 unless told")] string? offset = null)
    {
        var fields = new UrlFields();
        int take = fields.Int32("query", "limit", limit, 20, 1, MaxRows);
        int skip = fields.Int32("query", "offset", offset, 0, 0, int.MaxValue);
        return LookUp.Answer(fields, served, status, model =>
        {
            var found = new List<UserSummary>(take);
            int total = 0;
            for (int position = 0; position < model.Histories.UserCount; position++)
            {
                int id = model.Histories.UserIds[position];
                if (!string.IsNullOrEmpty(query) && !id.ToString(CultureInfo.InvariantCulture).StartsWith(query, StringComparison.Ordinal))
                {
                    continue;
                }

                if (total++ >= skip && found.Count < take)
                {
                    found.Add(new UserSummary(id, model.Histories.At(position).Length));
                }
            }

            return TypedResults.Ok(new UserList(total, found));
        });
    }

    private static async Task<IResult> GetHistory(
        ServedModel served, AddedMovies added, StatusReader status, HistoryReader histories, string id, [Description("1 to 200; 50 unless told")] string? limit = null)
    {
        var fields = new UrlFields();
        int user = fields.Int32("path", "id", id, 0);
        int take = fields.Int32("query", "limit", limit, 50, 1, MaxRows);
        using SnapshotLease? lease = served.Lease();
        if (LookUp.Refusal(fields, lease, status) is { } refusal)
        {
            return refusal;
        }

        ServedCatalog catalog = new(lease!.Model, lease.Model.Extend(added.Current));
        History history = await histories.ReadUserAsync(catalog, user);
        return history is { EmptyReason: HistoryReader.UnknownUser, IsWhole: true }
            ? TypedResults.NotFound(new PlainError($"User {user} is unknown."))
            : TypedResults.Ok(new UserHistoryResponse(user, history.Rows.Length, [.. history.Rows.Reverse().Take(take).Select(catalog.MovieAt)], Degraded: !history.IsWhole));
    }

    private static IResult GetItems(
        ServedModel served, AddedMovies added, StatusReader status, string? query = null, [Description("1 to 200; 20 unless told")] string? limit = null,
        [Description("Instead of a query: movie ids with commas between, at most 200; answered in this order")] string? ids = null)
    {
        var fields = new UrlFields();
        if (ids is not null)
        {
            int[] wanted = fields.Int32List("query", "ids", ids, MaxRows);
            return LookUp.Answer(fields, served, status, model => TypedResults.Ok(new MovieList([.. wanted
                .Select(id => model.Catalog.TryFind(new ItemId(id), out ItemIndex row) ? model.Catalog[row] : added.Find(id))
                .OfType<CatalogItem>()
                .Select(item => item.ToMovieInfo())])));
        }

        int take = fields.Int32("query", "limit", limit, 20, 1, MaxRows);
        string text = fields.Text("query", "query", query, MaxQuery);
        return LookUp.Answer(fields, served, status, model =>
        {
            ArraySegment<AddedItem> news = added.Current.Items;
            IEnumerable<(CatalogItem Item, int Score)> found = model.Titles.Find(text).Select(match => (model.Catalog.Items[match.Place], match.Score))
                .Concat(TitleSearch.Find(text, news.Select(item => item.Words)).Select(match => (news[match.Place].Item, match.Score))
                    .Where(match => !model.Catalog.TryFind(new ItemId(match.Item.MovieId), out _))); // a later training took it in
            return TypedResults.Ok(new MovieList([.. found
                .OrderByDescending(match => match.Score).ThenByDescending(match => match.Item.Count).ThenBy(match => match.Item.Index)
                .Take(take)
                .Select(match => match.Item.ToMovieInfo())]));
        });
    }

    private static IResult GetSimilar(
        ServedModel served, AddedMovies added, StatusReader status, string id, [Description("1 to 100; 10 unless told")] string? k = null)
    {
        var fields = new UrlFields();
        int movie = fields.Int32("path", "id", id, 0);
        int take = fields.Int32("query", "k", k, 10, 1, 100);
        return LookUp.Answer(fields, served, status, model =>
        {
            ServedCatalog catalog = new(model, model.Extend(added.Current));
            if (!catalog.TryFind(movie, out int row))
            {
                return TypedResults.NotFound(new PlainError(added.Knows(movie)
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
}

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

/// <summary>What every call that looks something up in the served model has in common.</summary>
internal static class LookUp
{
    public static IResult Answer(UrlFields fields, ServedModel served, StatusReader status, Func<ModelSnapshot, IResult> read)
    {
        using SnapshotLease? lease = served.Lease();
        return Refusal(fields, lease, status) ?? read(lease!.Model);
    }

    /// <summary>Null only where there is a model to ask.</summary>
    public static IResult? Refusal(UrlFields fields, SnapshotLease? lease, StatusReader status) =>
        fields.Errors.Count > 0 ? TypedResults.UnprocessableEntity(new FieldErrors(fields.Errors))
        : lease is null ? StatusApi.NotReadyResult(status.Read())
        : null;
}
