using System.Diagnostics.Metrics;
using System.Net.Http.Json;
using System.Text;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using NanoRecSys.Api.Pipeline;
using NanoRecSys.Api.Serving;

namespace NanoRecSys.IntegrationTests.Fixtures;

/// <summary>The real API on Kestrel and a free port, with a temporary artifacts folder unless one is given.</summary>
internal sealed class ApiServer : IAsyncDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly TemporaryFolder _folder = new();
    private readonly Factory _factory;

    /// <summary>Part of a Redis connection string with the production command timeout, for tests with a slow store.</summary>
    public const string DefaultTimeout = ",asyncTimeout=500";

    public const string PatientTimeouts = ",syncTimeout=5000,asyncTimeout=5000"; // other tests may keep the machine busy

    private ApiServer(string? redis, ArtifactStore? store = null, params IReadOnlyList<(string Name, string Value)> settings)
    {
        Store = store ?? new ArtifactStore(_folder.Path);
        _factory = new Factory(Store.Root, redis, settings);
        _factory.UseKestrel();
        _factory.StartServer();
        Client = _factory.CreateClient();
    }

    public ArtifactStore Store { get; }
    public HttpClient Client { get; }

    public IEnumerable<BackgroundService> Background => _factory.Services.GetServices<IHostedService>().OfType<BackgroundService>();

    /// <summary>Scope of this server's meters; the test process has other servers too.</summary>
    public IMeterFactory Meters => _factory.Services.GetRequiredService<IMeterFactory>();

    /// <summary>Limits concurrent computations; tests hold a permit to simulate a long request.</summary>
    public ComputeLimiter Limiter => _factory.Services.GetRequiredService<ComputeLimiter>();

    /// <summary>Starts without a model.</summary>
    /// <param name="redis">A connection string, or null to run without a cache.</param>
    public static ApiServer Start(string? redis = null, params (string Name, string Value)[] settings) => new(redis, null, settings);

    /// <summary>Starts on an existing artifacts folder, and waits until the pinned or current version is served.</summary>
    public static async Task<ApiServer> StartAsync(ArtifactStore store, string? redis = null, params (string Name, string Value)[] settings)
    {
        var server = new ApiServer(redis, store, settings);
        await server.ServeAsync(store.ReadPinned() ?? store.ReadCurrent()!);
        return server;
    }

    /// <summary>Starts, publishes the model and waits until it is served.</summary>
    public static async Task<ApiServer> StartAsync(RandomModel model, string? redis = null, params (string Name, string Value)[] settings)
    {
        var server = new ApiServer(redis, null, settings);
        await server.ServeAsync(model.Publish(server.Store).Manifest.ModelVersion);
        return server;
    }

    /// <summary>Waits until this version is served; polls <c>/readyz</c>, which is not rate limited.</summary>
    public Task ServeAsync(string version) => UntilAsync($"version {version} is served", async () =>
    {
        using HttpResponseMessage ready = await FetchAsync("/readyz");
        return ready.IsSuccessStatusCode && (await ready.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("version").GetString() == version;
    });

    /// <summary>Waits until an API in a process of its own serves a model.</summary>
    public static Task UntilReadyAsync(HttpClient http) => UntilAsync("the API is ready", async () =>
        (await http.GetAsync(new Uri("/readyz", UriKind.Relative), TestContext.Current.CancellationToken)).IsSuccessStatusCode);

    public async Task<JsonElement> StatusAsync() => await Client.GetFromJsonAsync<JsonElement>("/debug/status");

    /// <summary>Ids of the items in a user's history, newest first.</summary>
    public async Task<int[]> HistoryAsync(int user) => (await GetAsync($"/users/{user}/history")).GetProperty("items").Ids();

    /// <summary>Gets a path and requires a 200.</summary>
    public async Task<JsonElement> GetAsync(string path) => await ReadAsync(await FetchAsync(path));

    public Task<HttpResponseMessage> FetchAsync(string path) =>
        Client.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);

    /// <summary>Sends JSON text, or nothing, and requires a 200.</summary>
    public async Task<JsonElement> SendAsync(HttpMethod method, string path, string? body = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        return await ReadAsync(await Client.SendAsync(request, TestContext.Current.CancellationToken));
    }

    /// <summary>Posts JSON text and requires a 200.</summary>
    public async Task<JsonElement> PostAsync(string path, string body) => await ReadAsync(await SendAsync(path, body));

    public Task<HttpResponseMessage> SendAsync(string path, string body) =>
        Client.PostAsync(new Uri(path, UriKind.Relative), new StringContent(body, Encoding.UTF8, "application/json"));

    /// <summary>Polls until the condition is true; fails with the description after 30 s.</summary>
    public static async Task UntilAsync(string description, Func<Task<bool>> condition)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        using var timeout = new CancellationTokenSource(Timeout);
        while (!await condition())
        {
            Assert.False(timeout.IsCancellationRequested, $"Timed out after {Timeout.TotalSeconds} s waiting until {description}.");
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _factory.DisposeAsync();
        _folder.Dispose();
    }

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage response)
    {
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode}: {text}");
        return JsonSerializer.Deserialize<JsonElement>(text);
    }

    private sealed class Factory(string artifacts, string? redis, IReadOnlyList<(string Name, string Value)> settings) : WebApplicationFactory<ServedModel>
    {
        protected override void ConfigureWebHost(IWebHostBuilder builder)
        {
            // Not UseKestrel(0): it changes the addresses when the program may already be starting.
            builder.UseSetting(WebHostDefaults.ServerUrlsKey, "http://127.0.0.1:0");
            builder.UseSetting("Artifacts:Path", artifacts);
            builder.UseSetting("Artifacts:PollInterval", "00:00:00.020");
            builder.UseSetting("ConnectionStrings:cache", redis is null || redis.EndsWith(DefaultTimeout, StringComparison.Ordinal) ? redis : redis + PatientTimeouts);
            builder.UseSetting("Server:DrainDelay", "00:00:00"); // no load balancer to wait for
            foreach ((string name, string value) in settings)
            {
                builder.UseSetting(name, value);
            }

            builder.ConfigureLogging(logging => logging.ClearProviders());
        }
    }
}
