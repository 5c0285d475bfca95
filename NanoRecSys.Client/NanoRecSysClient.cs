using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization;
using NanoRecSys.Contracts;
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
    /// <param name="cancellation">Cancels the call.</param>
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
