using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Options;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Contracts;
using Polly;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace NanoRecSys.Web.Client;

/// <summary>The API's calls, typed. Every call throws <see cref="ApiException"/> on failure.</summary>
public sealed class RecommenderClient(HttpClient http, IOptions<ApiOptions>? options = null)
{
    private const string KeyHeader = "X-Api-Key";
    private static readonly TimeSpan ReadinessPatience = TimeSpan.FromSeconds(2);

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    /// <summary>For a user, or for a list of items instead.</summary>
    public Task<RecommendationsResponse> RecommendAsync(RecommendationsRequest request, CancellationToken cancellation = default) =>
        SendAsync<RecommendationsResponse>(HttpMethod.Post, "/recommendations", cancellation, JsonContent.Create(request, options: Json));

    /// <summary>By other rules than the stored ones, or by a version that is not served.</summary>
    /// <param name="request">What to try.</param>
    /// <param name="key">An administrator's; null if unknown.</param>
    /// <param name="cancellation">Ends the call.</param>
    public Task<RecommendationsResponse> PreviewAsync(PreviewRequest request, string? key, CancellationToken cancellation = default) =>
        SendAsync<RecommendationsResponse>(HttpMethod.Post, "/recommendations/preview", cancellation, JsonContent.Create(request, options: Json), key);

    public Task<RuleDocument> RulesAsync(CancellationToken cancellation = default) =>
        SendAsync<RuleDocument>(HttpMethod.Get, "/rules", cancellation);

    /// <inheritdoc cref="PreviewAsync"/>
    public Task<RuleDocument> SaveRulesAsync(RuleDocument rules, string? key, CancellationToken cancellation = default) =>
        SendAsync<RuleDocument>(HttpMethod.Put, "/rules", cancellation, JsonContent.Create(rules, options: Json), key);

    /// <exception cref="ApiException">Of the kind <see cref="ApiFailure.KeyNeeded"/> if the API refuses this page's key.</exception>
    public Task<EventReceipt> StoreAsync(EventRequest happened, CancellationToken cancellation = default) =>
        WriteAsync<EventReceipt>(HttpMethod.Post, "/events", JsonContent.Create(happened, options: Json), cancellation);

    /// <summary>Takes back what <see cref="StoreAsync"/> stored.</summary>
    /// <exception cref="ApiException">As of <see cref="StoreAsync"/>.</exception>
    public Task<EventsDeleted> DeleteEventAsync(EntityId user, string key, CancellationToken cancellation = default) =>
        WriteAsync<EventsDeleted>(HttpMethod.Delete, $"/users/{Escape(user)}/events/{Uri.EscapeDataString(key)}", null, cancellation);

    /// <param name="user">Null for all users.</param>
    /// <param name="item">Null for all items.</param>
    /// <param name="cancellation">Ends the call.</param>
    public Task<EventList> EventsAsync(string? user = null, string? item = null, CancellationToken cancellation = default) =>
        SendAsync<EventList>(HttpMethod.Get, $"/events?user={Uri.EscapeDataString(user ?? "")}&item={Uri.EscapeDataString(item ?? "")}", cancellation);

    /// <summary>Deletes any user's event, which a visitor may do only with a key of their own.</summary>
    public Task<EventsDeleted> DeleteEventAsync(ListedEvent listed, string? key, CancellationToken cancellation = default) =>
        SendAsync<EventsDeleted>(HttpMethod.Delete, $"/users/{Escape(listed.UserId)}/events/{Uri.EscapeDataString(listed.Key)}", cancellation, key: key);

    private async Task<T> WriteAsync<T>(HttpMethod method, string path, HttpContent? content, CancellationToken cancellation)
    {
        string? key = options?.Value.WriteKey is { Length: > 0 } known ? known : null;
        try
        {
            return await SendAsync<T>(method, path, cancellation, content, key);
        }
        catch (ApiException e) when (e.Failure == ApiFailure.KeyNeeded)
        {
            throw new ApiException(e.Failure, key is null
                ? "The API stores events only with a key, and these pages have none. Set Api:WriteKey of NanoRecSys.Web."
                : "The API does not take these pages' key. Api:WriteKey of NanoRecSys.Web must be one of the API's Security:WriteKeys.", e);
        }
    }

    public Task<CatalogOverview> CatalogAsync(CancellationToken cancellation = default) =>
        SendAsync<CatalogOverview>(HttpMethod.Get, "/catalog", cancellation);

    /// <param name="query">Words of a title, or prefixes; empty for the most popular items.</param>
    /// <param name="limit">1 to 200.</param>
    /// <param name="cancellation">Ends the call.</param>
    public async Task<IReadOnlyList<ItemInfo>> SearchAsync(string query, int limit, CancellationToken cancellation = default) =>
        (await SendAsync<ItemList>(HttpMethod.Get, $"/items?query={Uri.EscapeDataString(query)}&limit={limit}", cancellation)).Items;

    /// <summary>The items of the known ids, in this order.</summary>
    public async Task<IReadOnlyList<ItemInfo>> ItemsAsync(IEnumerable<EntityId> ids, CancellationToken cancellation = default) =>
        (await SendAsync<ItemList>(HttpMethod.Get, $"/items?ids={string.Join(',', ids.Select(Escape))}", cancellation)).Items;

    public Task<ItemDetail> ItemAsync(EntityId id, CancellationToken cancellation = default) =>
        SendAsync<ItemDetail>(HttpMethod.Get, $"/items/{Escape(id)}", cancellation);

    public Task<ItemList> SimilarAsync(EntityId id, int limit, CancellationToken cancellation = default) =>
        SendAsync<ItemList>(HttpMethod.Get, $"/items/{Escape(id)}/similar?k={limit}", cancellation);

    public Task<ItemAudience> AudienceAsync(EntityId id, CancellationToken cancellation = default) =>
        SendAsync<ItemAudience>(HttpMethod.Get, $"/items/{Escape(id)}/audience", cancellation);

    public Task<DataOverview> DataAsync(CancellationToken cancellation = default) =>
        SendAsync<DataOverview>(HttpMethod.Get, "/catalog/data", cancellation);

    public Task<ItemMap> MapAsync(CancellationToken cancellation = default) =>
        SendAsync<ItemMap>(HttpMethod.Get, "/map", cancellation);

    public Task<UserList> UsersAsync(string? query, int limit, CancellationToken cancellation = default) =>
        SendAsync<UserList>(HttpMethod.Get, $"/users?query={Uri.EscapeDataString(query ?? "")}&limit={limit}", cancellation);

    public Task<UserHistoryResponse> HistoryAsync(EntityId userId, int limit, CancellationToken cancellation = default) =>
        SendAsync<UserHistoryResponse>(HttpMethod.Get, $"/users/{Escape(userId)}/history?limit={limit}", cancellation);

    public Task<UserLists> ListsAsync(EntityId userId, int k, CancellationToken cancellation = default) =>
        SendAsync<UserLists>(HttpMethod.Get, $"/users/{Escape(userId)}/lists?k={k}", cancellation);

    private static string Escape(EntityId id) => Uri.EscapeDataString(id.Text);

    public Task<TrainingStatus> TrainingAsync(CancellationToken cancellation = default) =>
        SendAsync<TrainingStatus>(HttpMethod.Get, "/training/progress", cancellation);

    public Task<TrainingRuns> RunsAsync(CancellationToken cancellation = default) =>
        SendAsync<TrainingRuns>(HttpMethod.Get, "/training/runs", cancellation);

    public Task<ModelList> ModelsAsync(CancellationToken cancellation = default) =>
        SendAsync<ModelList>(HttpMethod.Get, "/models", cancellation);

    /// <param name="change">What is to be served.</param>
    /// <param name="key">An administrator's; null if unknown.</param>
    /// <param name="cancellation">Ends the call.</param>
    public Task<ModelChange> ChangeModelAsync(ModelAction change, string? key, CancellationToken cancellation = default) =>
        SendAsync<ModelChange>(change.Method, change.Path, cancellation, key: key);

    /// <summary>A picture of a version's training; the caller disposes of the answer.</summary>
    public Task<HttpResponseMessage> PlotAsync(string version, string name, CancellationToken cancellation = default) =>
        AnswerAsync(HttpMethod.Get, $"/models/{Uri.EscapeDataString(version)}/plots/{Uri.EscapeDataString(name)}", null, cancellation);

    public Task<HostReport> HostAsync(CancellationToken cancellation = default) =>
        SendAsync<HostReport>(HttpMethod.Get, "/debug/host", cancellation);

    /// <param name="windowSeconds">How far back to look.</param>
    /// <param name="cancellation">Ends the call.</param>
    public Task<TelemetrySnapshot> TelemetryAsync(int windowSeconds, CancellationToken cancellation = default) =>
        SendAsync<TelemetrySnapshot>(HttpMethod.Get, $"/debug/telemetry?window={windowSeconds}", cancellation);

    public Task<StatusDocument> StatusAsync(CancellationToken cancellation = default) =>
        SendAsync<StatusDocument>(HttpMethod.Get, "/debug/status", cancellation);

    public Task<Manifest> CurrentModelAsync(CancellationToken cancellation = default) =>
        SendAsync<Manifest>(HttpMethod.Get, "/models/current", cancellation);

    /// <summary>Whether the API can serve; the only call that does not throw. An API that is silent for two seconds is away.</summary>
    public async Task<Readiness> ReadinessAsync(CancellationToken cancellation = default)
    {
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(ReadinessPatience);
        try
        {
            using HttpResponseMessage response = await AnswerAsync(HttpMethod.Get, "/readyz", null, patience.Token);
            if (response.IsSuccessStatusCode)
            {
                return new Readiness(ReadinessState.Ready, await ReadAsync<StatusDocument>(response, patience.Token), []);
            }

            string body = await response.Content.ReadAsStringAsync(patience.Token);
            return new Readiness(ReadinessState.NotReady, null, ErrorBody.Sentences(body));
        }
        catch (ApiException e)
        {
            return new Readiness(ReadinessState.Away, null, [e.Message]);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return new Readiness(ReadinessState.Away, null, ["The API does not answer."]);
        }
    }

    private async Task<T> SendAsync<T>(HttpMethod method, string path, CancellationToken cancellation, HttpContent? content = null, string? key = null)
    {
        using HttpResponseMessage response = await AnswerAsync(method, path, content, cancellation, key);
        if (response.IsSuccessStatusCode)
        {
            return await ReadAsync<T>(response, cancellation);
        }

        IReadOnlyList<string> sentences = ErrorBody.Sentences(await response.Content.ReadAsStringAsync(cancellation));
        string message = sentences.Count > 0 ? string.Join(" ", sentences) : $"{path} answered {(int)response.StatusCode}.";
        throw new ApiException(FailureOf(response.StatusCode), message);
    }

    private static ApiFailure FailureOf(HttpStatusCode status) => status switch
    {
        HttpStatusCode.ServiceUnavailable => ApiFailure.NotReady,
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => ApiFailure.KeyNeeded,
        _ => ApiFailure.Refused,
    };

    private async Task<HttpResponseMessage> AnswerAsync(HttpMethod method, string path, HttpContent? content, CancellationToken cancellation, string? key = null)
    {
        using HttpRequestMessage request = new(method, path) { Content = content };
        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation(KeyHeader, key);
        }

        try
        {
            return await http.SendAsync(request, cancellation);
        }
        catch (Exception e) when (e is HttpRequestException or TimeoutRejectedException or BrokenCircuitException
            || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            throw new ApiException(ApiFailure.Away, "The API does not answer.", e);
        }
    }

    private static async Task<T> ReadAsync<T>(HttpResponseMessage response, CancellationToken cancellation)
    {
        try
        {
            return await response.Content.ReadFromJsonAsync<T>(Json, cancellation)
                ?? throw new ApiException(ApiFailure.Refused, "The API answered null.");
        }
        catch (Exception e) when (e is JsonException or HttpRequestException or IOException)
        {
            throw new ApiException(ApiFailure.Refused, $"The API's answer cannot be read: {e.Message}", e);
        }
    }
}

/// <summary>Why a call to the API failed.</summary>
public enum ApiFailure
{
    /// <summary>No answer, or not in time.</summary>
    Away,

    /// <summary>It answered 503: there is no model to serve yet.</summary>
    NotReady,

    /// <summary>It answered 401 or 403: the call needs a key, or another one.</summary>
    KeyNeeded,

    /// <summary>It answered with another error.</summary>
    Refused,
}

/// <summary>A call to the API failed; the message can be shown to users.</summary>
public sealed class ApiException(ApiFailure failure, string message, Exception? innerException = null)
    : Exception(message, innerException)
{
    public ApiFailure Failure { get; } = failure;
}

/// <summary>
/// The API's error shapes: <c>detail</c> is a sentence, a list of field errors (<c>msg</c>), or an object
/// with <c>errors</c> and <c>warnings</c>.
/// </summary>
public static class ErrorBody
{
    /// <summary>Every message in the body; empty if there is none.</summary>
    public static IReadOnlyList<string> Sentences(string body)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(body);
            return document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("detail", out JsonElement detail)
                    ? [.. SentencesOf(detail)]
                    : [];
        }
        catch (JsonException)
        {
            return [];
        }
    }

    private static IEnumerable<string> SentencesOf(JsonElement detail) => detail.ValueKind switch
    {
        JsonValueKind.String => [detail.GetString()!],
        JsonValueKind.Array => detail.EnumerateArray().SelectMany(SentencesOf),
        JsonValueKind.Object when detail.TryGetProperty("msg", out JsonElement message) => SentencesOf(message),
        JsonValueKind.Object => Property(detail, "errors").Concat(Property(detail, "warnings")),
        _ => [],
    };

    private static IEnumerable<string> Property(JsonElement detail, string name) =>
        detail.TryGetProperty(name, out JsonElement list) ? SentencesOf(list) : [];
}

/// <summary>Section <c>Api</c>: what the pages need to call the API.</summary>
public sealed class ApiOptions
{
    public const string Section = "Api";

    /// <summary>
    /// Sent with what a visitor stores ("Mark as watched") if the API's <c>Security:WriteKeys</c> require a key. Never sent with
    /// a change of what is served: every visitor of the page could make one.
    /// </summary>
    public string? WriteKey { get; set; }
}

public static class ClientRegistration
{
    /// <summary>The typed client at the service name <c>api</c>, and the feeds that poll it.</summary>
    public static IServiceCollection AddRecommenderClient(this IServiceCollection services)
    {
        services.AddOptions<ApiOptions>().BindConfiguration(ApiOptions.Section);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<Feeds>();
        services.AddSingleton<ServedCatalog>();
        services.AddSingleton<ApiCalls>();
        services.AddTransient<ApiCallTimer>();
        services.AddScoped<EnteredKey>();

        IHttpClientBuilder client = services.AddHttpClient<RecommenderClient>(http => http.BaseAddress = new Uri("https+http://api"));
        client.AddHttpMessageHandler<ApiCallTimer>(); // around everything else: retries are part of the wait
        client.AddServiceDiscovery();
        client.ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler { UseProxy = false }); // the API is local: bypass the proxy
#pragma warning disable EXTEXP0001 // The one way to replace the default pipeline for a client; marked experimental.
        client.RemoveAllResilienceHandlers();
#pragma warning restore EXTEXP0001
        client.AddStandardResilienceHandler(options =>
        {
            // Interactive call: fail fast and show it; the feeds retry anyway.
            options.AttemptTimeout.Timeout = TimeSpan.FromSeconds(5);
            options.TotalRequestTimeout.Timeout = TimeSpan.FromSeconds(8);
            options.CircuitBreaker.SamplingDuration = TimeSpan.FromSeconds(10);
            options.CircuitBreaker.BreakDuration = TimeSpan.FromSeconds(1);
            options.Retry.MaxRetryAttempts = 2;
            options.Retry.Delay = TimeSpan.FromMilliseconds(150);

            // 503 means "no model yet" and is shown, not retried.
            options.Retry.ShouldHandle = new PredicateBuilder<HttpResponseMessage>().Handle<HttpRequestException>();
            options.CircuitBreaker.ShouldHandle = new PredicateBuilder<HttpResponseMessage>().Handle<HttpRequestException>();
        });
        return services;
    }
}

/// <summary>The key that a visitor entered, for as long as the page is open; asked for once the API requires one.</summary>
public sealed class EnteredKey
{
    private string _text = "";

    public bool IsNeeded { get; private set; }

    public string Text
    {
        get => _text;
        set => _text = value.Trim();
    }

    /// <summary>To send; null if there is none.</summary>
    public string? Value => _text.Length > 0 ? _text : null;

    /// <summary>Remembers that a call failed for want of a key.</summary>
    public void Note(ApiException failure) => IsNeeded |= failure.Failure == ApiFailure.KeyNeeded;
}

/// <summary>A change of which version is served.</summary>
/// <param name="Title">What the button says.</param>
/// <param name="Consequence">What it will do, in one sentence.</param>
/// <param name="Method">Of the API's call.</param>
/// <param name="Path">Of the API's call.</param>
public sealed record ModelAction(string Title, string Consequence, HttpMethod Method, string Path)
{
    /// <param name="version">To be served.</param>
    /// <param name="change">What it means for users, in sentences.</param>
    /// <param name="gate">Of the version.</param>
    public static ModelAction Publish(string version, string change, GateResult? gate = null) => new(
        $"Publish {version}",
        $"Every replica serves it within a second, until the next version is published. {change}{(gate is { Refused: true } ? $" It was significantly worse than {gate.Version} when it was trained." : "")}",
        HttpMethod.Post, $"/models/{version}/activate");

    public static ModelAction Pin(string version, string change) => new(
        $"Pin {version}", $"Every replica serves it within a second, whatever is published, until it is unpinned. {change}", HttpMethod.Post, $"/models/{version}/pin");

    public static ModelAction Unpin(string pinned, string? current, string change) => new(
        $"Unpin {pinned}", $"The current version is served again{(current is null ? "" : $": {current}")}. {change}", HttpMethod.Delete, "/models/pin");

    public static ModelAction RollBack(string? current, string? target, string change) => new(
        $"Roll back{(target is null ? "" : $" to {target}")}", $"Every replica serves {target ?? "the version before"} within a second instead of {current ?? "the current one"}. {change}", HttpMethod.Post, "/models/rollback");
}
