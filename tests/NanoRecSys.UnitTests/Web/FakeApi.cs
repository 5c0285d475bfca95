using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Options;
using NanoRecSys.Web.Client;

namespace NanoRecSys.UnitTests.Web;

/// <summary>An API with the answers that a test sets, and 404 for everything else.</summary>
internal sealed class FakeApi : HttpMessageHandler
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    private readonly ConcurrentDictionary<string, Func<FakeRequest, Task<(HttpStatusCode Status, string Body)>>> _answers = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<FakeRequest> _requests = [];

    public IReadOnlyList<FakeRequest> Requests => [.. _requests]; // in order

    /// <param name="call">Method and path, without the query: <c>GET /users</c>.</param>
    public FakeApi On(string call, object answer) => On(call, _ => (HttpStatusCode.OK, JsonSerializer.Serialize(answer, Json)));

    public FakeApi On(string call, Func<FakeRequest, (HttpStatusCode Status, string Body)> answer)
    {
        _answers[call] = request => Task.FromResult(answer(request));
        return this;
    }

    /// <summary>Answers with an error and its detail.</summary>
    public FakeApi Fails(string call, HttpStatusCode status, string detail) =>
        On(call, _ => (status, JsonSerializer.Serialize(new { detail }, Json)));

    /// <summary>Answers only when the returned source is completed.</summary>
    public TaskCompletionSource<object> Holds(string call)
    {
        TaskCompletionSource<object> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _answers[call] = async _ => (HttpStatusCode.OK, JsonSerializer.Serialize(await answer.Task, Json));
        return answer;
    }

    public RecommenderClient Client(ApiOptions? options = null) =>
        new(new HttpClient(this, disposeHandler: false) { BaseAddress = new Uri("http://api") }, options is null ? null : Options.Create(options));

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        string body = request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken);
        string? key = request.Headers.TryGetValues("X-Api-Key", out IEnumerable<string>? keys) ? keys.Single() : null;
        var received = new FakeRequest($"{request.Method} {request.RequestUri!.AbsolutePath}", request.RequestUri.Query, body, key);
        _requests.Enqueue(received);
        (HttpStatusCode status, string answer) = _answers.TryGetValue(received.Call, out Func<FakeRequest, Task<(HttpStatusCode, string)>>? known)
            ? await known(received).WaitAsync(cancellationToken)
            : (HttpStatusCode.NotFound, $$"""{"detail":"No answer is set for {{received.Call}}."}""");
        return new HttpResponseMessage(status) { Content = new StringContent(answer, Encoding.UTF8, "application/json") };
    }
}

/// <param name="Query">With its question mark; empty without a query.</param>
/// <param name="Body">Empty without a body.</param>
/// <param name="Key">The value of the header <c>X-Api-Key</c>.</param>
internal sealed record FakeRequest(string Call, string Query, string Body, string? Key);

/// <summary>A few films, and responses that contain them.</summary>
internal static class Films
{
    public static ItemInfo StarWars { get; } = Film(260, "Star Wars: Episode IV - A New Hope", 1977, "Action", "Sci-Fi");
    public static ItemInfo Matrix { get; } = Film(2571, "The Matrix", 1999, "Action", "Sci-Fi");
    public static ItemInfo Seven { get; } = Film(47, "Seven (a.k.a. Se7en)", 1995, "Mystery", "Thriller");

    /// <summary>A catalog of films with years and, to have a category attribute, brands.</summary>
    public static CatalogOverview Catalog { get; } = new(
        new ItemWord("film", "films"), 3, 671, 100_004, [new("Action", 2), new("Sci-Fi", 2), new("Thriller", 1)],
        [
            new("year", AttributeKind.Number, 3) { Min = AttributeValue.OfNumber(1977), Max = AttributeValue.OfNumber(1999) },
            new("brand", AttributeKind.Category, 2) { Values = [new("Dove", 2)] },
        ]);

    public static ItemInfo Film(EntityId id, string title, int? year, params string[] categories) => new(id, title, categories)
    {
        Attributes = year is { } known ? new Dictionary<string, AttributeValue> { ["year"] = AttributeValue.OfNumber(known) } : null,
    };

    public static RecommendationsResponse List(params ItemInfo[] items) => new()
    {
        Items = [.. items.Select((item, rank) => Recommended(item, 0.9f - 0.1f * rank))],
        DebugTiming = new DebugTiming { TotalMs = 1.5 },
        RequestId = "request-1",
        ServedFromCache = false,
        Mode = "live",
        Version = "3f9a1c07be52",
    };

    public static RecommendedItem Recommended(ItemInfo item, float score, string? reason = null) => new(item.ItemId, item.Title, item.Categories)
    {
        Attributes = item.Attributes,
        Score = score,
        Reason = reason is null ? null : new ItemReason(reason, "history", [], []),
    };
}
