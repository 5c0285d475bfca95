using Microsoft.Extensions.Options;
using NanoRecSys.Core.Artifacts;

namespace NanoRecSys.Web.Client;

/// <summary>Calls that the pages make in addition to those of applications: state, models, rules and events.</summary>
public sealed class RecommenderClient(HttpClient http, IOptions<ApiOptions>? options = null) : NanoRecSysClient(http, options?.Value.WriteKey)
{
    private static readonly TimeSpan ReadinessPatience = TimeSpan.FromSeconds(2);

    protected override string KeySetting => "Api:WriteKey of NanoRecSys.Web";

    /// <summary>Recommendations with other rules than the stored ones, or from a version that is not served.</summary>
    /// <param name="request">User, and the rules or version to try.</param>
    /// <param name="key">An administrator's.</param>
    public Task<RecommendationsResponse> PreviewAsync(PreviewRequest request, EnteredKey key, CancellationToken cancellation = default) =>
        SendAsync<RecommendationsResponse>(HttpMethod.Post, "/recommendations/preview", key, cancellation, Body(request));

    public Task<RuleDocument> RulesAsync(CancellationToken cancellation = default) => GetAsync<RuleDocument>("/rules", cancellation);

    /// <param name="key">An administrator's.</param>
    public Task<RuleDocument> SaveRulesAsync(RuleDocument rules, EnteredKey key, CancellationToken cancellation = default) =>
        SendAsync<RuleDocument>(HttpMethod.Put, "/rules", key, cancellation, Body(rules));

    /// <param name="user">Null for all users.</param>
    /// <param name="item">Null for all items.</param>
    public Task<EventList> EventsAsync(string? user = null, string? item = null, CancellationToken cancellation = default) =>
        GetAsync<EventList>($"/events?user={Uri.EscapeDataString(user ?? "")}&item={Uri.EscapeDataString(item ?? "")}", cancellation);

    /// <summary>Deletes any user's event; visitors need their own key for this.</summary>
    public Task<EventsDeleted> DeleteEventAsync(ListedEvent listed, EnteredKey key, CancellationToken cancellation = default) =>
        SendAsync<EventsDeleted>(HttpMethod.Delete, $"/users/{Escape(listed.UserId)}/events/{Uri.EscapeDataString(listed.Key)}", key, cancellation);

    /// <summary>Empty for an unknown user, who still gets popular items.</summary>
    public async Task<UserHistoryResponse> HistoryOrNoneAsync(EntityId user, int limit, CancellationToken cancellation = default)
    {
        try
        {
            return await HistoryAsync(user, limit, cancellation);
        }
        catch (ApiException e) when (e.Failure == ApiFailure.NotFound)
        {
            return new UserHistoryResponse(user, 0, []);
        }
    }

    public Task<UserLists> ListsAsync(EntityId userId, int k, CancellationToken cancellation = default) =>
        GetAsync<UserLists>($"/users/{Escape(userId)}/lists?k={k}", cancellation);

    public Task<UserLists> ListsOfItemAsync(EntityId id, int k, CancellationToken cancellation = default) =>
        GetAsync<UserLists>($"/items/{Escape(id)}/lists?k={k}", cancellation);

    public Task<ItemAudience> AudienceAsync(EntityId id, CancellationToken cancellation = default) =>
        GetAsync<ItemAudience>($"/items/{Escape(id)}/audience", cancellation);

    public Task<DataOverview> DataAsync(CancellationToken cancellation = default) => GetAsync<DataOverview>("/catalog/data", cancellation);
    public Task<ItemMap> MapAsync(CancellationToken cancellation = default) => GetAsync<ItemMap>("/map", cancellation);
    public Task<TrainingStatus> TrainingAsync(CancellationToken cancellation = default) => GetAsync<TrainingStatus>("/training/progress", cancellation);
    public Task<TrainingRuns> RunsAsync(CancellationToken cancellation = default) => GetAsync<TrainingRuns>("/training/runs", cancellation);
    public Task<ModelList> ModelsAsync(CancellationToken cancellation = default) => GetAsync<ModelList>("/models", cancellation);
    public Task<OutcomeReport> OutcomesAsync(CancellationToken cancellation = default) => GetAsync<OutcomeReport>("/outcomes", cancellation);
    public Task<Manifest> CurrentModelAsync(CancellationToken cancellation = default) => GetAsync<Manifest>("/models/current", cancellation);
    public Task<HostReport> HostAsync(CancellationToken cancellation = default) => GetAsync<HostReport>("/debug/host", cancellation);
    public Task<StatusDocument> StatusAsync(CancellationToken cancellation = default) => GetAsync<StatusDocument>("/debug/status", cancellation);

    public Task<TelemetrySnapshot> TelemetryAsync(int windowSeconds, CancellationToken cancellation = default) =>
        GetAsync<TelemetrySnapshot>($"/debug/telemetry?window={windowSeconds}", cancellation);

    /// <param name="key">An administrator's.</param>
    public Task<ModelChange> ChangeModelAsync(ModelAction change, EnteredKey key, CancellationToken cancellation = default) =>
        SendAsync<ModelChange>(change.Method, change.Path, key, cancellation);

    /// <summary>A plot of a version's training; the caller disposes of the response.</summary>
    public Task<HttpResponseMessage> PlotAsync(string version, string name, CancellationToken cancellation = default) =>
        AnswerAsync(HttpMethod.Get, $"/models/{Uri.EscapeDataString(version)}/plots/{Uri.EscapeDataString(name)}", null, cancellation);

    /// <summary>While a page is prerendered: answers 404 if the API does not know the page's subject. No answer from the API proves nothing.</summary>
    /// <param name="http">Null if the page is interactive: no check is made then.</param>
    public static async Task CheckExistsAsync(HttpContext? http, Func<CancellationToken, Task> ask)
    {
        if (http is null)
        {
            return;
        }

        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        patience.CancelAfter(ReadinessPatience);
        try
        {
            await ask(patience.Token);
        }
        catch (ApiException e) when (e.Failure == ApiFailure.NotFound)
        {
            http.NotFound();
        }
        catch (Exception e) when (e is ApiException or OperationCanceledException)
        {
            // The page itself reports that the API does not answer.
        }
    }

    /// <summary>Whether the API can serve; the only call that does not throw. An API that does not answer within two seconds is away.</summary>
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
            return new Readiness(ReadinessState.NotReady, null, ApiException.Sentences(body));
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

    private async Task<T> SendAsync<T>(HttpMethod method, string path, EnteredKey key, CancellationToken cancellation, HttpContent? content = null)
    {
        try
        {
            return await SendAsync<T>(method, path, cancellation, content, key.Value);
        }
        catch (ApiException e) when (e.Failure == ApiFailure.KeyNeeded)
        {
            key.IsNeeded = true;
            throw;
        }
    }
}

/// <summary>The overview of the served catalog, requested once per version for all visitors.</summary>
public sealed class ServedCatalog(IServiceProvider services)
{
    private (string Version, CatalogOverview Catalog)? _known;

    /// <returns>Null if the API does not answer: the pages then omit the catalog's words and filters.</returns>
    public async Task<CatalogOverview?> ReadAsync(string version, CancellationToken cancellation = default)
    {
        if (_known is { } known && known.Version == version)
        {
            return known.Catalog;
        }

        try
        {
            CatalogOverview catalog = await services.GetRequiredService<RecommenderClient>().CatalogAsync(cancellation);
            _known = (version, catalog);
            return catalog;
        }
        catch (ApiException)
        {
            return null;
        }
    }
}

/// <summary>Section <c>Api</c>: settings for calling the API.</summary>
public sealed class ApiOptions
{
    /// <summary>
    /// Sent when a visitor stores something ("Mark as watched"), for an API with <c>Security:WriteKeys</c>. Never sent with
    /// a change of the served version, because then every visitor could make one.
    /// </summary>
    public string? WriteKey { get; set; }
}

public static class ClientRegistration
{
    /// <summary>The typed client at the service name <c>api</c>, and the feeds that poll it.</summary>
    public static IServiceCollection AddRecommenderClient(this IServiceCollection services)
    {
        services.AddOptions<ApiOptions>().BindConfiguration("Api");
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<Feeds>();
        services.AddSingleton<ServedCatalog>();
        services.AddSingleton<ApiCalls>();
        services.AddTransient<ApiCallTimer>();
        services.AddScoped<EnteredKey>();

        IHttpClientBuilder client = services.AddHttpClient<RecommenderClient>(http => http.BaseAddress = new Uri("https+http://api"));
        client.AddHttpMessageHandler<ApiCallTimer>(); // outermost, so that the time includes retries
        client.AddServiceDiscovery();
        client.ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler { UseProxy = false }); // the API is local: bypass the proxy
        client.AddRecommenderResilience();
        return services;
    }
}

/// <summary>The key that a visitor entered, kept while the page is open; requested when the API requires one.</summary>
public sealed class EnteredKey
{
    /// <summary>Whether a call failed because it needs a key.</summary>
    public bool IsNeeded { get; set; }

    public string Text { get; set; } = "";

    /// <summary>The key to send; null if there is none.</summary>
    public string? Value => Text.Trim() is { Length: > 0 } key ? key : null;
}

/// <summary>A change of the served version.</summary>
/// <param name="Consequence">Its effect, in one sentence.</param>
public sealed record ModelAction(string Title, string Consequence, HttpMethod Method, string Path)
{
    /// <param name="version">The version to serve.</param>
    /// <param name="change">Its effect on users, in sentences.</param>
    /// <param name="gate">The version's result.</param>
    public static ModelAction Publish(string version, string change, GateResult? gate = null) => new(
        $"Publish {version}",
        $"Every replica serves it within a second, until the next version is published. {change}{(gate is { Refused: true } ? $" It was significantly worse than {gate.Version} when it was trained." : "")}",
        HttpMethod.Post, $"/models/{version}/activate");

    public static ModelAction Pin(string version, string change) => new(
        $"Pin {version}", $"Every replica serves it within a second and keeps serving it, whatever is published, until it is unpinned. {change}", HttpMethod.Post, $"/models/{version}/pin");

    public static ModelAction Unpin(string pinned, string? current, string change) => new(
        $"Unpin {pinned}", $"The current version is served again{(current is null ? "" : $": {current}")}. {change}", HttpMethod.Delete, "/models/pin");

    public static ModelAction RollBack(string? current, string? target, string change) => new(
        $"Roll back{(target is null ? "" : $" to {target}")}", $"Every replica serves {target ?? "the previous version"} within a second instead of {current ?? "the current one"}. {change}", HttpMethod.Post, "/models/rollback");
}
