using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using NanoRecSys.Contracts;
using Polly;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace NanoRecSys.Client;

/// <summary>The API for applications: recommendations, events, items and users. Every call throws <see cref="ApiException"/> on failure.</summary>
/// <param name="http">Its base address is the API's address.</param>
/// <param name="writeKey">One of the API's <c>Security:WriteKeys</c>; null if the API requires none.</param>
public class NanoRecSysClient(HttpClient http, string? writeKey = null)
{
    private const string KeyHeader = "X-Api-Key";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    /// <summary>The setting that holds the key, for messages.</summary>
    protected virtual string KeySetting => "NanoRecSys:WriteKey";

    /// <summary>Recommends items for a user, a session or an item in view.</summary>
    public Task<RecommendationsResponse> RecommendAsync(RecommendationsRequest request, CancellationToken cancellation = default) =>
        SendAsync<RecommendationsResponse>(HttpMethod.Post, "/recommendations", cancellation, Body(request));

    /// <summary>Stores a user's event. An event without a key and a timestamp gets the current time, so that a retry does not store it twice.</summary>
    public Task<EventReceipt> StoreAsync(EventRequest interaction, CancellationToken cancellation = default) =>
        WriteAsync<EventReceipt>(HttpMethod.Post, "/events", Body(Timed(interaction)), cancellation);

    /// <summary>Stores up to 1000 events; invalid ones are listed in the answer, the others are stored.</summary>
    public Task<EventReceipt> StoreAsync(IEnumerable<EventRequest> interactions, CancellationToken cancellation = default) =>
        WriteAsync<EventReceipt>(HttpMethod.Post, "/events", Body(new EventBatch([.. interactions.Select(Timed)])), cancellation);

    /// <summary>Deletes the event with the key <paramref name="key"/>.</summary>
    public Task<EventsDeleted> DeleteEventAsync(EntityId user, string key, CancellationToken cancellation = default) =>
        WriteAsync<EventsDeleted>(HttpMethod.Delete, $"/users/{Escape(user)}/events/{Uri.EscapeDataString(key)}", null, cancellation);

    /// <summary>Deletes all events of a user.</summary>
    public Task<EventsDeleted> DeleteEventsAsync(EntityId user, CancellationToken cancellation = default) =>
        WriteAsync<EventsDeleted>(HttpMethod.Delete, $"/users/{Escape(user)}/events", null, cancellation);

    /// <summary>Adds an item or replaces its data.</summary>
    public Task<ItemReceipt> PutItemAsync(EntityId id, ItemRequest item, CancellationToken cancellation = default) =>
        WriteAsync<ItemReceipt>(HttpMethod.Put, $"/items/{Escape(id)}", Body(item), cancellation);

    /// <summary>Never recommends the item again.</summary>
    public Task<ItemDeleted> DeleteItemAsync(EntityId id, CancellationToken cancellation = default) =>
        WriteAsync<ItemDeleted>(HttpMethod.Delete, $"/items/{Escape(id)}", null, cancellation);

    public Task<ItemDetail> ItemAsync(EntityId id, CancellationToken cancellation = default) =>
        GetAsync<ItemDetail>($"/items/{Escape(id)}", cancellation);

    /// <summary>The items with these ids, in this order; unknown ids are skipped.</summary>
    public async Task<IReadOnlyList<ItemInfo>> ItemsAsync(IEnumerable<EntityId> ids, CancellationToken cancellation = default) =>
        // Each id in a parameter of its own, since it may contain a comma; the empty one at the end marks even a single id as such.
        (await GetAsync<ItemList>($"/items?{string.Concat(ids.Select(id => $"ids={Escape(id)}&"))}ids=", cancellation)).Items;

    /// <param name="query">Title words or prefixes of them; empty for the most popular items.</param>
    /// <param name="limit">1 to 200.</param>
    public async Task<IReadOnlyList<ItemInfo>> SearchAsync(string query, int limit, CancellationToken cancellation = default) =>
        (await GetAsync<ItemList>($"/items?query={Uri.EscapeDataString(query)}&limit={limit}", cancellation)).Items;

    public Task<ItemList> SimilarAsync(EntityId id, int limit, CancellationToken cancellation = default) =>
        GetAsync<ItemList>($"/items/{Escape(id)}/similar?k={limit}", cancellation);

    public Task<UserList> UsersAsync(string? query, int limit, CancellationToken cancellation = default) =>
        GetAsync<UserList>($"/users?query={Uri.EscapeDataString(query ?? "")}&limit={limit}", cancellation);

    public Task<UserHistoryResponse> HistoryAsync(EntityId user, int limit, CancellationToken cancellation = default) =>
        GetAsync<UserHistoryResponse>($"/users/{Escape(user)}/history?limit={limit}", cancellation);

    public Task<CatalogOverview> CatalogAsync(CancellationToken cancellation = default) =>
        GetAsync<CatalogOverview>("/catalog", cancellation);

    protected static string Escape(EntityId id) => Uri.EscapeDataString(id.Text);

    protected static HttpContent Body<T>(T body) => JsonContent.Create(body, options: Json);

    protected Task<T> GetAsync<T>(string path, CancellationToken cancellation) => SendAsync<T>(HttpMethod.Get, path, cancellation);

    protected async Task<T> SendAsync<T>(HttpMethod method, string path, CancellationToken cancellation, HttpContent? content = null, string? key = null)
    {
        using HttpResponseMessage response = await AnswerAsync(method, path, content, cancellation, key);
        if (response.IsSuccessStatusCode)
        {
            return await ReadAsync<T>(response, cancellation);
        }

        IReadOnlyList<string> sentences = ApiException.Sentences(await response.Content.ReadAsStringAsync(cancellation));
        string message = sentences.Count > 0 ? string.Join(" ", sentences) : $"{path} answered {(int)response.StatusCode}.";
        throw new ApiException(ApiException.FailureOf(response.StatusCode), message);
    }

    protected async Task<HttpResponseMessage> AnswerAsync(HttpMethod method, string path, HttpContent? content, CancellationToken cancellation, string? key = null)
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

    protected static async Task<T> ReadAsync<T>(HttpResponseMessage response, CancellationToken cancellation)
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

    private async Task<T> WriteAsync<T>(HttpMethod method, string path, HttpContent? content, CancellationToken cancellation)
    {
        string? key = writeKey is { Length: > 0 } ? writeKey : null;
        try
        {
            return await SendAsync<T>(method, path, cancellation, content, key);
        }
        catch (ApiException e) when (e.Failure == ApiFailure.KeyNeeded)
        {
            throw new ApiException(e.Failure, key is null
                ? $"The API requires a key for this call, and none is configured. Set {KeySetting} to one of the API's Security:WriteKeys."
                : $"The API refuses the configured key. {KeySetting} must be one of the API's Security:WriteKeys.", e);
        }
    }

    private static EventRequest Timed(EventRequest interaction) =>
        interaction.Key is not null ? interaction // the key already identifies it
        : interaction with { Timestamp = interaction.Timestamp ?? DateTimeOffset.UtcNow.ToUnixTimeSeconds() };
}

/// <summary>Configuration section <c>NanoRecSys</c>.</summary>
public sealed class NanoRecSysOptions
{
    public const string Section = "NanoRecSys";

    /// <summary>The API's address: <c>https://recommender.example.com</c>, or <c>https+http://api</c> with service discovery.</summary>
    public Uri? Address { get; set; }

    /// <summary>One of the API's <c>Security:WriteKeys</c>; needed to store events and items if the API requires a key.</summary>
    public string? WriteKey { get; set; }
}

public static class NanoRecSysRegistration
{
    /// <summary>Registers <see cref="NanoRecSysClient"/>, configured by section <c>NanoRecSys</c> and by <paramref name="configure"/>.</summary>
    public static IHttpClientBuilder AddNanoRecSys(this IServiceCollection services, Action<NanoRecSysOptions>? configure = null)
    {
        OptionsBuilder<NanoRecSysOptions> options = services.AddOptions<NanoRecSysOptions>().BindConfiguration(NanoRecSysOptions.Section);
        options.Configure(configure ?? (_ => { })).Validate(known => known.Address is not null, "NanoRecSys:Address is not set. It is the address of the API.");
        return services.AddHttpClient(nameof(NanoRecSysClient))
            .ConfigureHttpClient((provider, http) => http.BaseAddress = provider.GetRequiredService<IOptions<NanoRecSysOptions>>().Value.Address)
            .AddTypedClient((http, provider) => new NanoRecSysClient(http, provider.GetRequiredService<IOptions<NanoRecSysOptions>>().Value.WriteKey))
            .AddRecommenderResilience();
    }

    /// <summary>Fails within eight seconds, because a user waits for the page. An answer such as 503 (no model yet) is passed on, not retried.</summary>
    public static IHttpClientBuilder AddRecommenderResilience(this IHttpClientBuilder client)
    {
#pragma warning disable EXTEXP0001 // The only way to replace a default pipeline; marked experimental.
        client.RemoveAllResilienceHandlers();
#pragma warning restore EXTEXP0001
        client.AddStandardResilienceHandler(options =>
        {
            options.AttemptTimeout.Timeout = TimeSpan.FromSeconds(5);
            options.TotalRequestTimeout.Timeout = TimeSpan.FromSeconds(8);
            options.CircuitBreaker.SamplingDuration = TimeSpan.FromSeconds(10);
            options.CircuitBreaker.BreakDuration = TimeSpan.FromSeconds(1);
            options.Retry.MaxRetryAttempts = 2;
            options.Retry.Delay = TimeSpan.FromMilliseconds(150);
            options.Retry.ShouldHandle = new PredicateBuilder<HttpResponseMessage>().Handle<HttpRequestException>();
            options.CircuitBreaker.ShouldHandle = new PredicateBuilder<HttpResponseMessage>().Handle<HttpRequestException>();
        });
        return client;
    }
}

/// <summary>Why a call to the API failed.</summary>
public enum ApiFailure
{
    /// <summary>The API did not answer in time or at all.</summary>
    Away,

    /// <summary>The API answered 503: it has no model to serve, or its store does not answer.</summary>
    NotReady,

    /// <summary>The API answered 401 or 403: the key is missing or wrong.</summary>
    KeyNeeded,

    /// <summary>The API answered 404: there is no such user, item or version.</summary>
    NotFound,

    /// <summary>The API answered with another error.</summary>
    Refused,
}

/// <summary>A call to the API failed; the message can be shown to users.</summary>
public sealed class ApiException(ApiFailure failure, string message, Exception? innerException = null) : Exception(message, innerException)
{
    public ApiFailure Failure { get; } = failure;

    /// <summary>
    /// All messages in an error body: <c>detail</c> is a sentence, a list of field errors (<c>msg</c>), or an object with
    /// <c>errors</c> and <c>warnings</c>. Empty if there is none.
    /// </summary>
    public static IReadOnlyList<string> Sentences(string body)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(body);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("detail", out JsonElement detail)
                ? [.. SentencesOf(detail)]
                : [];
        }
        catch (JsonException)
        {
            return [];
        }
    }

    internal static ApiFailure FailureOf(HttpStatusCode status) => status switch
    {
        HttpStatusCode.ServiceUnavailable => ApiFailure.NotReady,
        HttpStatusCode.NotFound => ApiFailure.NotFound,
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => ApiFailure.KeyNeeded,
        _ => ApiFailure.Refused,
    };

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
