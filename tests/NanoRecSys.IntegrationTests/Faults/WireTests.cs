using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using NanoRecSys.Api.Http;
using NanoRecSys.Api.Telemetry;

namespace NanoRecSys.IntegrationTests.Faults;

/// <summary>Raw requests of third-party clients and of pages of other origins.</summary>
public sealed class WireTests
{
    private const string Event = """{"user_id": 11, "movie_id": 1010}""";
    private const string Json = "Content-Type: application/json\r\n";

    [Theory]
    [InlineData("/events", "Content-Type: text/plain\r\n")]
    [InlineData("/events", "Content-Type: application/x-www-form-urlencoded\r\n")]
    [InlineData("/events", "Content-Type: multipart/form-data; boundary=x\r\n")]
    [InlineData("/events", "Content-Type: text/plain; a=application/json\r\n")]
    [InlineData("/events", "Content-Type: text/plain, application/json\r\n")]
    [InlineData("/events", "")] // a Blob without a type: no preflight
    [InlineData("/items", "Content-Type: text/plain\r\n")]
    [InlineData("/items", "")]
    [InlineData("/recommend", "Content-Type: text/plain\r\n")]
    [InlineData("/recommend/session", "")]
    public async Task A_body_without_a_JSON_content_type_is_a_415(string path, string header)
    {
        ApiServer api = await SharedServers.Ranked;

        string response = await RawHttp.SendAsync(api.Client.BaseAddress!, Post(path, header, Event));

        Assert.StartsWith("HTTP/1.1 415 ", response, StringComparison.Ordinal);
        Assert.Contains("Content-Type: application/json", BodyOf(response).Text("detail"), StringComparison.Ordinal);
        Assert.Contains(BodyOf(response).Text("request_id"), response.Split("\r\n\r\n")[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_compressed_body_is_a_415_and_a_probe_may_ask_for_the_head_of_readyz()
    {
        ApiServer api = await SharedServers.Ranked;

        Assert.Contains("send it without Content-Encoding: gzip", BodyOf(await RawHttp.SendAsync(api.Client.BaseAddress!, Post("/events", Json + "Content-Encoding: gzip\r\n", Event))).Text("detail"), StringComparison.Ordinal);
        using HttpResponseMessage head = await api.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/readyz"), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
    }

    [Theory]
    [InlineData("Content-Type: application/json; charset=utf-8\r\n")]
    [InlineData("content-type: Application/JSON\r\n")]
    public async Task Any_spelling_of_the_JSON_content_type_is_accepted(string header)
    {
        ApiServer api = await SharedServers.Ranked;

        Assert.StartsWith("HTTP/1.1 200 ", await RawHttp.SendAsync(api.Client.BaseAddress!, Post("/recommend", header, """{"user_id": 11}""")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST", "/events", "Origin: https://evil.example\r\n")]
    [InlineData("POST", "/events", "Origin: null\r\n")]
    [InlineData("POST", "/events", "Origin: http://localhost:1\r\n")] // another port is another origin
    [InlineData("POST", "/events", "Sec-Fetch-Site: cross-site\r\n")]
    [InlineData("POST", "/events", "Sec-Fetch-Site: same-site\r\n")]
    [InlineData("POST", "/items", "Origin: https://evil.example\r\n")]
    [InlineData("POST", "/recommend", "Origin: https://evil.example\r\n")]
    [InlineData("POST", "/models/rollback", "Origin: https://evil.example\r\n")]
    [InlineData("POST", "/models/000000000000/pin", "Sec-Fetch-Site: cross-site\r\n")]
    [InlineData("POST", "/models/000000000000/activate", "Origin: https://evil.example\r\n")]
    [InlineData("DELETE", "/models/pin", "Origin: https://evil.example\r\n")]
    public async Task A_page_of_another_origin_changes_nothing(string method, string path, string header)
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(803), cache.ConnectionString);

        string response = await RawHttp.SendAsync(api.Client.BaseAddress!, Post(path, Json + header, Event, method: method));

        Assert.StartsWith("HTTP/1.1 403 ", response, StringComparison.Ordinal);
        Assert.Contains("X-Content-Type-Options: nosniff", response, StringComparison.Ordinal);
        Assert.Equal(3, (await api.HistoryAsync(11)).Length);
    }

    [Theory]
    [InlineData("Origin: https://shop.example\r\n", 200)]
    [InlineData("Origin: https://shop.example\r\nSec-Fetch-Site: cross-site\r\n", 200)]
    [InlineData("Origin: https://shop.example.evil\r\n", 403)]
    [InlineData("", 200)] // not a browser
    [InlineData("Sec-Fetch-Site: same-origin\r\n", 200)]
    public async Task Pages_of_configured_origins_may_write(string header, int status)
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(804), cache.ConnectionString, ("Security:CorsOrigins:0", "https://shop.example"));

        Assert.StartsWith($"HTTP/1.1 {status} ", await RawHttp.SendAsync(api.Client.BaseAddress!, Post("/events", Json + header, Event)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("evil.example", null, 400)]
    [InlineData("localhost.evil.example", null, 400)]
    [InlineData("127.0.0.1.evil.example", null, 400)]
    [InlineData("localhost:5081", null, 200)]
    [InlineData("[::1]:5081", null, 200)]
    [InlineData("api.example", "api.example", 200)]
    [InlineData("evil.example", "api.example", 400)]
    public async Task Only_known_host_names_are_served_on_loopback(string host, string? allowed, int status)
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(805), redis: null, allowed is null ? [] : [("AllowedHosts", $"{allowed};127.0.0.1")]);

        string response = await RawHttp.SendAsync(api.Client.BaseAddress!, $"GET /users?limit=1 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");

        Assert.StartsWith($"HTTP/1.1 {status} ", response, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("80000000\r\n")] // 2^31
    [InlineData("FFFFFFFFFF\r\n")]
    [InlineData("-1\r\n")]
    [InlineData("zz\r\n")]
    [InlineData("5\r\n{\"a\":XX")]
    public async Task A_malformed_chunk_is_a_400_without_a_log_line(string chunk)
    {
        using var folder = new TemporaryFolder();
        new RandomModel(806).Publish(new ArtifactStore(folder.Path));
        using ProgramProcess program = ProgramProcess.StartApi(folder.Path);
        Uri address = await program.Address;
        using var client = new HttpClient { BaseAddress = address };
        await ApiServer.UntilReadyAsync(client);
        int lines = program.Output.Split('\n').Length;

        foreach (string path in (string[])["/recommend", "/recommend/session", "/events", "/items", "/nothing-here", "/models/rollback"])
        {
            using RawHttp connection = await RawHttp.ConnectAsync(address);
            await connection.WriteAsync($"POST {path} HTTP/1.1\r\nHost: localhost\r\n{Json}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n{chunk}");
            string response = await connection.ReadToEndAsync();
            bool readsBody = path is not ("/nothing-here" or "/models/rollback");
            Assert.True(response.StartsWith("HTTP/1.1 4", StringComparison.Ordinal), $"{path}: {response}");
            Assert.True(!readsBody || response.StartsWith("HTTP/1.1 400 ", StringComparison.Ordinal), $"{path}: {response}");
        }

        JsonElement status = JsonSerializer.Deserialize<JsonElement>(await client.GetStringAsync(new Uri("/debug/status", UriKind.Relative), TestContext.Current.CancellationToken));
        Assert.Equal(0, status.GetProperty("stats").GetProperty("errors").GetInt64());
        Assert.Equal(lines, program.Output.Split('\n').Length);
    }

    [Fact]
    public async Task A_body_that_arrives_too_slowly_is_cut_off()
    {
        ApiServer api = await SharedServers.Ranked;
        using RawHttp connection = await RawHttp.ConnectAsync(api.Client.BaseAddress!);

        await connection.WriteAsync($"POST /recommend HTTP/1.1\r\nHost: localhost\r\n{Json}Content-Length: 60000\r\n\r\n{{");

        Assert.StartsWith("HTTP/1.1 408 ", await connection.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connections_beyond_the_limit_are_closed_and_those_within_it_are_served()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(808), redis: null, ("Server:MaxConnections", "10"));
        var open = new List<RawHttp>();
        for (int i = 0; i < 10; i++)
        {
            open.Add(await RawHttp.ConnectAsync(api.Client.BaseAddress!)); // with the client's own connection, one too many
        }

        Assert.Equal("", await open[^1].ReadToEndAsync());
        Assert.Equal(10, (await api.PostAsync("/recommend", """{"user_id": 11}""")).MovieIds().Length);
        open.ForEach(connection => connection.Dispose());
    }

    [Fact]
    public async Task A_process_listens_once_it_serves_what_is_published_and_can_be_stopped_before()
    {
        using var folder = new TemporaryFolder();
        new RandomModel(810).Publish(new ArtifactStore(folder.Path));

        using ProgramProcess program = ProgramProcess.StartApi(folder.Path);
        using var client = new HttpClient { BaseAddress = await program.Address };
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(new Uri("/readyz", UriKind.Relative), TestContext.Current.CancellationToken)).StatusCode);

        using ProgramProcess stopped = ProgramProcess.StartApi(folder.Path);
        await ApiServer.UntilAsync("the process watches for models", () => Task.FromResult(stopped.Output.Contains("Watching", StringComparison.Ordinal)));
        await stopped.TerminateAsync();
        Assert.Equal(0, await stopped.EndAsync());
        Assert.DoesNotContain("cannot start", stopped.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task On_SIGTERM_readiness_ends_first_a_request_in_progress_is_answered_and_a_slow_body_does_not_hold_the_process()
    {
        using var folder = new TemporaryFolder();
        new RandomModel(809).Publish(new ArtifactStore(folder.Path));
        using ProgramProcess program = ProgramProcess.StartApi(folder.Path, ("Server__DrainDelay", "00:00:03"), ("Server__DrainTimeout", "00:00:02"));
        Uri address = await program.Address;
        using var client = new HttpClient { BaseAddress = address };
        await ApiServer.UntilReadyAsync(client);
        using RawHttp slow = await RawHttp.ConnectAsync(address);
        await slow.WriteAsync($"POST /recommend HTTP/1.1\r\nHost: localhost\r\n{Json}Content-Length: 60000\r\n\r\n{{");
        using RawHttp inProgress = await RawHttp.ConnectAsync(address);
        await inProgress.WriteAsync($"POST /recommend HTTP/1.1\r\nHost: localhost\r\n{Json}Content-Length: 15\r\n\r\n{{\"user_id\": ");

        await program.TerminateAsync();

        JsonElement detail = default;
        await ApiServer.UntilAsync("readiness ends", async () =>
        {
            using HttpResponseMessage ready = await client.GetAsync(new Uri("/readyz", UriKind.Relative), TestContext.Current.CancellationToken);
            detail = (await ready.BodyAsync()).TryGetProperty("detail", out JsonElement found) ? found : default;
            return ready.StatusCode == HttpStatusCode.ServiceUnavailable;
        });
        Assert.Equal(["The service is stopping."], detail.GetProperty("errors").Texts());
        // Still answered: a load balancer needs a moment to notice.
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(new Uri("/users?limit=1", UriKind.Relative), TestContext.Current.CancellationToken)).StatusCode);
        await ApiServer.UntilAsync("listening ends", async () =>
        {
            try
            {
                using RawHttp late = await RawHttp.ConnectAsync(address);
                return false;
            }
            catch (System.Net.Sockets.SocketException)
            {
                return true;
            }
        });
        await inProgress.WriteAsync("11}");
        Assert.StartsWith("HTTP/1.1 200 ", await inProgress.ReadToEndAsync(), StringComparison.Ordinal);
        Assert.Equal(0, await program.EndAsync());
    }

    [Theory]
    [InlineData(null, 429)]
    [InlineData("192.0.2.7", 429)] // not the proxy's address
    [InlineData("127.0.0.0/8", 200)]
    public async Task A_client_chooses_its_address_only_through_a_known_proxy(string? proxy, int last)
    {
        using var folder = new TemporaryFolder();
        new RandomModel(810).Publish(new ArtifactStore(folder.Path));
        (string, string)[] settings =
        [
            ("ASPNETCORE_FORWARDEDHEADERS_ENABLED", "true"), // on its own, trusts every sender
            ("Security__RequestsPerSecond", "1"), ("Security__Burst", "1"),
            .. proxy is null ? Array.Empty<(string, string)>() : [("Security__KnownProxies__0", proxy)],
        ];

        using ProgramProcess program = ProgramProcess.StartApi(folder.Path, settings);
        using var client = new HttpClient { BaseAddress = await program.Address };
        int first = await StatusAsync(1);
        int[] others = await Task.WhenAll(Enumerable.Range(2, 19).Select(StatusAsync)); // concurrently, so that they arrive within a second

        Assert.Equal(200, first);
        Assert.Contains(last, others);
        Assert.Equal(last == 429, others.Contains(429));

        async Task<int> StatusAsync(int from)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri("/openapi/v1.json", UriKind.Relative)) { Headers = { { "X-Forwarded-For", $"198.51.100.{from}" } } };
            using HttpResponseMessage response = await client.SendAsync(request, TestContext.Current.CancellationToken);
            return (int)response.StatusCode;
        }
    }

    [Fact]
    public async Task The_id_of_a_500_is_logged_and_repeated_ones_log_no_stack_trace()
    {
        using var log = new MemoryLog();
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders().AddProvider(log);
        builder.AddSecurity();
        builder.Services.AddSingleton(TimeProvider.System).AddSingleton(_ => new TelemetryWindow(TimeProvider.System)).AddSingleton<RequestCounters>();
        await using WebApplication app = builder.Build();
        app.UseSecurity();
        app.UseErrors();
        app.MapGet("/fails/{id}", string (int id) => throw new InvalidDataException($"Number {id} is broken."));
        await app.StartAsync(TestContext.Current.CancellationToken);
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        for (int i = 0; i < 50; i++)
        {
            using HttpResponseMessage response = await client.GetAsync(new Uri($"/fails/{i}%0Aforged", UriKind.Relative), TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode); // not a number
        }

        Assert.Empty(log.Lines);
        var ids = new List<string>();
        for (int i = 0; i < 50; i++)
        {
            using HttpResponseMessage response = await client.GetAsync(new Uri($"/fails/{i}", UriKind.Relative), TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
            ids.Add((await response.BodyAsync()).Text("request_id"));
        }

        Assert.Equal(50, log.Lines.Length);
        Assert.All(ids.Zip(log.Lines), pair => Assert.Contains(pair.First, pair.Second, StringComparison.Ordinal));
        Assert.Contains("Number 0 is broken.", log.Lines[0], StringComparison.Ordinal);
        Assert.InRange(log.Lines.Count(line => line.Contains("   at ", StringComparison.Ordinal)), 1, 25);
    }

    [Fact]
    public void The_log_that_a_client_can_cause_is_bounded()
    {
        using var log = new MemoryLog();
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders().AddProvider(log);
        builder.AddServer();
        ILogger kestrel = builder.Build().Services.GetRequiredService<ILoggerFactory>().CreateLogger("Microsoft.AspNetCore.Server.Kestrel");

        for (int i = 0; i < 10_000; i++)
        {
            kestrel.Log(LogLevel.Critical, "Unexpected exception in a connection.");
        }

        Assert.InRange(log.Lines.Length, 1, 1000);
    }

    private static string Post(string path, string headers, string body, string method = "POST") =>
        $"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}";

    private static JsonElement BodyOf(string response)
    {
        string body = response[(response.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];
        return JsonSerializer.Deserialize<JsonElement>(body[body.IndexOf('{', StringComparison.Ordinal)..(body.LastIndexOf('}') + 1)]); // without chunk sizes
    }

    private sealed class MemoryLog : ILoggerProvider, ILogger
    {
        private readonly List<string> _lines = [];

        public string[] Lines
        {
            get
            {
                lock (_lines)
                {
                    return [.. _lines];
                }
            }
        }

        public ILogger CreateLogger(string categoryName) => this;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (_lines)
            {
                _lines.Add($"{formatter(state, exception)} {exception}");
            }
        }

        public void Dispose()
        {
        }
    }
}
