using System.ComponentModel;
using System.Globalization;
using NanoRecSys.Api.Errors;
using NanoRecSys.Api.Models;
using NanoRecSys.Api.Recommendations;
using NanoRecSys.Api.Status;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Browsing;

/// <summary>Looking around: <c>GET /users</c>, <c>/users/{id}/history</c>, <c>/items</c>, <c>/items/{id}/similar</c>.</summary>
internal static class BrowsingApi
{
    private const int MaxRows = 200;
    private const int MaxWords = 16; // every title is compared with every word

    public static void MapBrowsing(this WebApplication app)
    {
        app.MapGet("/users", GetUsers)
            .WithTags("Browsing").WithSummary("Users whose id begins with the query").WithAnswer<UserList>();
        app.MapGet("/users/{id}/history", GetHistory)
            .WithTags("Browsing").WithSummary("What a user has seen, newest first").WithAnswer<UserHistoryResponse>();
        app.MapGet("/items", GetItems)
            .WithTags("Browsing").WithSummary("Movies whose title holds every word of the query, most watched first").WithAnswer<MovieList>();
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
        return Answer(fields, served, status, model =>
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
        ServedModel served, StatusReader status, HistoryReader histories, string id, [Description("1 to 200; 50 unless told")] string? limit = null)
    {
        var fields = new UrlFields();
        int user = fields.Int32("path", "id", id, 0);
        int take = fields.Int32("query", "limit", limit, 50, 1, MaxRows);
        using SnapshotLease? lease = served.Lease();
        if (Refusal(fields, lease, status) is { } refusal)
        {
            return refusal;
        }

        History history = await histories.ReadUserAsync(lease!.Model, user);
        return history.EmptyReason == HistoryReader.UnknownUser
            ? TypedResults.NotFound(new PlainError($"User {user} is unknown."))
            : TypedResults.Ok(new UserHistoryResponse(user, history.Rows.Length, [.. history.Rows.Reverse().Take(take).Select(lease.Model.MovieAt)]));
    }

    private static IResult GetItems(
        ServedModel served, StatusReader status, string? query = null, [Description("1 to 200; 20 unless told")] string? limit = null)
    {
        var fields = new UrlFields();
        int take = fields.Int32("query", "limit", limit, 20, 1, MaxRows);
        string[] words = [.. (query ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Distinct(StringComparer.OrdinalIgnoreCase).Take(MaxWords)];
        return Answer(fields, served, status, model => TypedResults.Ok(new MovieList([.. model.ByPopularity
            .Where(row => words.All(word => model.Catalog.Items[row].Title.Contains(word, StringComparison.OrdinalIgnoreCase)))
            .Take(take)
            .Select(model.MovieAt)])));
    }

    private static IResult GetSimilar(
        ServedModel served, StatusReader status, string id, [Description("1 to 100; 10 unless told")] string? k = null)
    {
        var fields = new UrlFields();
        int movie = fields.Int32("path", "id", id, 0);
        int take = fields.Int32("query", "k", k, 10, 1, 100);
        return Answer(fields, served, status, model =>
        {
            if (!model.Catalog.TryFind(new ItemId(movie), out ItemIndex index))
            {
                return TypedResults.NotFound(new PlainError($"Movie {movie} is not in the catalog."));
            }

            var itself = new RowSet(model.Index.Count);
            itself.Add(index.Value);
            var nearest = new Candidate[take];
            int found = model.Index.Search(model.Items.Row(index.Value), new RowFilter(itself), nearest);
            return TypedResults.Ok(new MovieList(
                [.. nearest[..found].Select(candidate => model.MovieAt(candidate.Row))], [.. nearest[..found].Select(candidate => candidate.Score)]));
        });
    }

    private static IResult Answer(UrlFields fields, ServedModel served, StatusReader status, Func<ModelSnapshot, IResult> read)
    {
        using SnapshotLease? lease = served.Lease();
        return Refusal(fields, lease, status) ?? read(lease!.Model);
    }

    // Null only where there is a model to ask.
    private static IResult? Refusal(UrlFields fields, SnapshotLease? lease, StatusReader status) =>
        fields.Errors.Count > 0 ? TypedResults.UnprocessableEntity(new FieldErrors(fields.Errors))
        : lease is null ? StatusApi.NotReadyResult(status.Read())
        : null;
}
