using System.ComponentModel;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Text;
using StackExchange.Redis;

namespace NanoRecSys.Api.Endpoints;

/// <summary>The served model's contents: <c>GET /users</c>, <c>/users/{id}/history</c>, <c>/items</c>, <c>/items/{id}/similar</c>, <c>/catalog</c>.</summary>
internal static class BrowsingApi
{
    private const int MaxRows = 200;
    private const int MaxQuery = 200; // characters
    private const int MaxCategories = 1000;
    private const int MaxValues = 100; // for each attribute
    private static readonly ConditionalWeakTable<ModelSnapshot, SuggestedUser> Suggested = [];

    public static void AddBrowsing(this WebApplicationBuilder builder) => builder.Services.AddSingleton<LookUp>();

    public static void MapBrowsing(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder browsing = app.MapGroup("").WithTags("Browsing");
        RouteGroupBuilder computed = browsing.MapGroup("").AddEndpointFilter<RouteGroupBuilder, ComputeFilter>();
        computed.MapGet("/users", GetUsers)
            .WithSummary("Users whose id starts with the query").WithAnswer<UserList>().RequireKey(KeyRole.Read);
        browsing.MapGet("/users/{id}/history", GetHistory)
            .WithSummary("A user's history, newest first").WithAnswer<UserHistoryResponse>().RequireKey(KeyRole.Read);
        computed.MapGet("/items", GetItems)
            .WithSummary("Items by title words, word prefixes or near misses; best match first, then most popular").WithAnswer<ItemList>();
        computed.MapGet("/items/{id}/similar", GetSimilar)
            .WithSummary("The items nearest to an item, by cosine of their embeddings").WithAnswer<ItemList>();
        computed.MapGet("/catalog", GetCatalog)
            .WithSummary("Categories and attributes of the served model's items: the values for filters").WithAnswer<CatalogOverview>();
    }

    private static Task<IResult> GetUsers(
        LookUp lookUp, ForgottenUsers forgotten, string? query = null, [Description("1 to 200; default: 20")] string? limit = null,
        [Description("Users to skip; default: 0")] string? offset = null)
    {
        var fields = new UrlFields();
        int take = fields.Int32("limit", limit, 20, 1, MaxRows);
        int skip = fields.Int32("offset", offset, 0, 0, int.MaxValue);
        return lookUp.AnswerAsync(fields, async catalog =>
        {
            ModelSnapshot model = catalog.Model;
            IReadOnlySet<int> gone = await forgotten.PositionsInAsync(model);
            var found = new List<UserSummary>(take);
            byte[] prefix = Encoding.UTF8.GetBytes(query ?? "");
            int total = 0;
            for (int position = 0; position < model.Histories.UserCount; position++)
            {
                if (!model.Histories.Users.Utf8At(position).StartsWith(prefix) || gone.Contains(position))
                {
                    continue;
                }

                if (total++ >= skip && found.Count < take)
                {
                    found.Add(new UserSummary(model.Histories.Users[position], model.Histories.At(position).Length));
                }
            }

            EntityId? suggested = prefix.Length > 0 ? null : Suggested.GetValue(model, SuggestedUser.Of).Id;
            bool isSuggested = suggested is { } user && !gone.Contains(model.Histories.PositionOf(user));
            return TypedResults.Ok(new UserList(total, found) { Suggested = isSuggested ? suggested : null });
        });
    }

    private static Task<IResult> GetHistory(
        LookUp lookUp, string id, [Description("1 to 200; default: 50")] string? limit = null)
    {
        var fields = new UrlFields();
        EntityId user = fields.PathId(id);
        int take = fields.Int32("limit", limit, 50, 1, MaxRows);
        return lookUp.AnswerAsync(fields, async catalog =>
        {
            History history = await lookUp.ReadHistoryAsync(catalog, user);
            return history is { EmptyReason: HistoryReader.UnknownUser, IsWhole: true }
                ? TypedResults.NotFound(new PlainError($"User {user} is unknown."))
                : TypedResults.Ok(new UserHistoryResponse(
                    catalog.Model.Histories.Users.Typed(user), history.Rows.Length,
                    [.. history.Rows.Reverse().Take(take).Select(row => catalog.ItemAt(row).ToItemInfo())], Degraded: !history.IsWhole));
        });
    }

    private static IResult GetItems(
        HttpContext http, LookUp lookUp, string? query = null, [Description("1 to 200; default: 20")] string? limit = null,
        [Description("Instead of a query: ids separated by commas, or one id per repeated parameter; at most 200, returned in this order")] string? ids = null)
    {
        var fields = new UrlFields();
        if (ids is not null)
        {
            EntityId[] wanted = fields.IdList("ids", http.Request.Query["ids"], MaxRows);
            return lookUp.Answer(fields, catalog => TypedResults.Ok(
                new ItemList([.. wanted.Select(id => lookUp.Find(catalog, id)).OfType<CatalogItem>().Select(item => item.ToItemInfo())])));
        }

        int take = fields.Int32("limit", limit, 20, 1, MaxRows);
        string text = fields.Text("query", query, MaxQuery);
        return lookUp.Answer(fields, catalog =>
        {
            ModelSnapshot model = catalog.Model;
            StoredItem[] stored = [.. lookUp.Items.Items.Where(item => item.Record is { Title: not null, IsDeleted: false })];
            IEnumerable<(CatalogItem? Item, int Score)> found = model.Titles.Find(text)
                .Where(match => !catalog.Gone.Contains(match.Place) && catalog.ItemAt(match.Place).Title == model.Catalog.Items[match.Place].Title)
                .Select(match => ((CatalogItem?)catalog.ItemAt(match.Place), match.Score))
                .Concat(TitleSearch.Find(text, stored.Select(item => item.Words)).Select(match => (lookUp.Find(catalog, stored[match.Place].Id), match.Score)));
            return TypedResults.Ok(new ItemList([.. found
                .Where(match => match.Item is not null)
                .OrderByDescending(match => match.Score).ThenByDescending(match => match.Item!.Count).ThenBy(match => match.Item!.Index)
                .DistinctBy(match => match.Item!.Id)
                .Take(take)
                .Select(match => match.Item!.ToItemInfo())]));
        });
    }

    private static IResult GetSimilar(
        LookUp lookUp, string id, [Description("1 to 1000; default: 10")] string? k = null)
    {
        var fields = new UrlFields();
        EntityId item = fields.PathId(id);
        int take = fields.Int32("k", k, 10, 1, RecommendationRequest.MaxK);
        return lookUp.Answer(fields, catalog =>
        {
            if (!catalog.TryFind(item, out int row))
            {
                return TypedResults.NotFound(new PlainError(lookUp.Find(catalog, item) is not null
                    ? $"Item {item} is new, and this model cannot place it yet."
                    : $"Item {item} is not in the catalog."));
            }

            var excluded = new RowSet(catalog.Count);
            excluded.Add(row);
            if (catalog.Availability.Unavailable is { } unavailable)
            {
                excluded.UnionWith(unavailable);
            }

            var nearest = new Candidate[Math.Min(take, catalog.Count)];
            int found = catalog.Index.Search(catalog.EmbeddingOf(row), new RowFilter(excluded), nearest);
            return TypedResults.Ok(new ItemList(
                [.. nearest[..found].Select(candidate => catalog.ItemAt(candidate.Row).ToItemInfo())], [.. nearest[..found].Select(candidate => candidate.Score)]));
        });
    }

    private static IResult GetCatalog(LookUp lookUp) => lookUp.Answer(new UrlFields(), catalog =>
    {
        ModelSnapshot model = catalog.Model;
        return TypedResults.Ok(new CatalogOverview(
            model.Artifacts.Manifest.Dataset.Word ?? ItemWord.Item, model.Catalog.Count, model.Histories.UserCount, model.Artifacts.Manifest.Dataset.Interactions,
            model.Attributes.Describe(AttributeTable.Categories, MaxCategories).Values!,
            [.. model.Attributes.Fields.Order(StringComparer.OrdinalIgnoreCase).Select(field => model.Attributes.Describe(field, MaxValues))]));
    });
}

/// <summary>The user to show first, with a history long enough to be informative and widely known last items.</summary>
/// <param name="Id">Null only if there are no users.</param>
internal sealed record SuggestedUser(EntityId? Id)
{
    private const int MostUsers = 5_000;
    private const int LastItems = 20;

    public static SuggestedUser Of(ModelSnapshot model)
    {
        (int User, double Fame) best = (-1, double.NegativeInfinity);
        for (int user = 0; user < Math.Min(model.Histories.UserCount, MostUsers); user++)
        {
            ReadOnlySpan<int> history = model.Histories.At(user);
            double fame = history.Length is < 30 or > 200 ? history.Length - 1e6 : 0;
            foreach (int row in history[^Math.Min(history.Length, LastItems)..])
            {
                fame += Math.Log(1 + model.Catalog.Items[row].Count) / LastItems;
            }

            best = fame > best.Fame ? (user, fame) : best;
        }

        return new SuggestedUser(best.User < 0 ? null : model.Histories.Users[best.User]);
    }
}

/// <summary>
/// Gives a call one version's items, including their changes since the training, from beginning to end. Refuses invalid requests and those before the
/// first model.
/// </summary>
internal sealed class LookUp(ServedModel served, ItemStore items, EventStore events, Outages outages, StatusReader status)
{
    public ServedModel Served => served;
    public ItemStore Items => items;

    /// <summary>An item of the model, or one added later, whether the model can place it or not; null for an unknown or deleted one.</summary>
    public CatalogItem? Find(ServedCatalog catalog, EntityId id) =>
        catalog.TryFind(id, out int row) ? catalog.ItemAt(row)
        : items.Find(id) is { IsDeleted: false } record && !catalog.Model.Catalog.TryFind(id, out _) ? record.Apply() with { Id = catalog.Model.Catalog.Ids.Typed(id) }
        : null;

    /// <summary>A user's history, from the model and the event store.</summary>
    public async ValueTask<History> ReadHistoryAsync(ServedCatalog catalog, EntityId user)
    {
        try
        {
            return HistoryReader.ReadUser(catalog, user, events.IsConfigured ? await events.ReadAsync(user, (await events.StateAsync(user)).State) : UserEvents.None);
        }
        catch (Exception e) when (RedisFailure.Is(e) || e is InvalidDataException)
        {
            outages.ReportRedis(e);
            return HistoryReader.ReadUser(catalog, user, events.Unread(user));
        }
    }

    /// <returns>The answer of <paramref name="read"/>; an error if a field is wrong or no model is served.</returns>
    public IResult Answer(UrlFields fields, Func<ServedCatalog, IResult> read)
    {
        using SnapshotLease? lease = served.Lease();
        return Refusal(fields.Errors, lease) ?? read(items.Extend(lease!.Model));
    }

    /// <inheritdoc cref="Answer"/>
    public async Task<IResult> AnswerAsync(UrlFields fields, Func<ServedCatalog, Task<IResult>> read)
    {
        using SnapshotLease? lease = served.Lease();
        return Refusal(fields.Errors, lease) ?? await read(items.Extend(lease!.Model));
    }

    /// <summary>Null if the request is valid and there is a model to answer it.</summary>
    public IResult? Refusal(IReadOnlyList<FieldError> errors, SnapshotLease? lease) =>
        errors.Count > 0 ? TypedResults.UnprocessableEntity(new FieldErrors(errors))
        : lease is null ? StatusApi.NotReadyResult(status.Read())
        : null;
}

/// <summary><c>GET /catalog/data</c>: statistics of the served model's data.</summary>
internal static class DataApi
{
    private const int Steps = 40;
    private static readonly double[] Tops = [0.01, 0.05, 0.1, 0.2, 0.5];

    // Requires a pass over all interactions of a version, which never change.
    private static readonly ConditionalWeakTable<ModelSnapshot, Lazy<DataOverview>> Known = [];

    public static void MapData(this IEndpointRouteBuilder app) => app.MapGroup("").WithTags("Browsing").AddEndpointFilter<RouteGroupBuilder, ComputeFilter>()
        .MapGet("/catalog/data", (LookUp lookUp) => lookUp.Answer(new UrlFields(), catalog =>
            TypedResults.Ok(Known.GetValue(catalog.Model, model => new Lazy<DataOverview>(() => Of(
                model.Version, model.Histories, [.. model.Catalog.Items.Select(item => item.Count)], model.Artifacts.Manifest.Dataset.HasTimes != false))).Value)))
        .WithSummary("History lengths, popularity and the time range of the served model's data").WithAnswer<DataOverview>();

    /// <param name="popularity">[V] number of interactions of each item.</param>
    /// <param name="hasTimes">Whether the histories' times are real, not numbers that represent an order.</param>
    internal static DataOverview Of(string version, UserHistories histories, int[] popularity, bool hasTimes)
    {
        int[] lengths = [.. Enumerable.Range(0, histories.UserCount).Select(user => histories.At(user).Length)];
        Array.Sort(lengths);
        Array.Sort(popularity, (a, b) => b.CompareTo(a));
        long all = Math.Max(1, popularity.Sum(count => (long)count));
        (DateTimeOffset? first, DateTimeOffset? last, long[] over) = hasTimes && histories is { HasTimes: true, InteractionCount: > 0 } ? Over(histories) : (null, null, []);
        return new DataOverview(
            version, lengths.Length == 0 ? 0 : lengths[lengths.Length / 2], lengths.LastOrDefault(), CountBands.Of(lengths), CountBands.Of(popularity),
            [.. Tops.Select(top => new PopularityShare(top, (double)popularity.Take((int)Math.Ceiling(top * popularity.Length)).Sum(count => (long)count) / all))],
            first, last, over);
    }

    private static (DateTimeOffset? First, DateTimeOffset? Last, long[] Over) Over(UserHistories histories)
    {
        (long first, long last) = (TensorPrimitives.Min(histories.Times), histories.LastTime);
        var over = new long[Steps];
        double step = Math.Max(1, (last - first + 1) / (double)Steps);
        foreach (long time in histories.Times)
        {
            over[Math.Min(Steps - 1, (int)((time - first) / step))]++;
        }

        return (DateTimeOffset.FromUnixTimeSeconds(first), DateTimeOffset.FromUnixTimeSeconds(last), over);
    }
}
