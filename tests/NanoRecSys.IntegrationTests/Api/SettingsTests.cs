using System.Net.Sockets;

namespace NanoRecSys.IntegrationTests.Api;

public sealed class SettingsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("Models__Split__0123456789ab", "0,5", "Models:Split:0123456789ab")]
    [InlineData("Models__Split__0123456789ab", "50%", "Models:Split:0123456789ab")]
    [InlineData("Models__Split__0123456789ab", "-1", "Models:Split")]
    [InlineData("Models__UserEmbeddings", "maybe", "Models:UserEmbeddings")]
    [InlineData("Recommendations__Candidates", "0", "Recommendations: The field Candidates must be between 1 and 10000.")]
    [InlineData("Recommendations__Candidates", "1,000", "Recommendations:Candidates")]
    [InlineData("Recommendations__CacheLifetime", "5 minutes", "Recommendations:CacheLifetime")]
    [InlineData("Recommendations__Candidats", "50", "Recommendations:Candidats is not a setting. The settings of Recommendations are Candidates,")]
    [InlineData("Events__MostPerUser", "-5", "MostPerUser")]
    [InlineData("Events__MaxPerUsr", "5", "Events:MaxPerUsr is not a setting.")]
    [InlineData("Overload__Answer", "Sometimes", "Overload:Answer")]
    [InlineData("Artifacts__PollInterval", "1s", "Artifacts:PollInterval")]
    [InlineData("Index__Engine", "lucene", "Engine")]
    [InlineData("Server__MaxConnections", "many", "Server:MaxConnections")]
    [InlineData("RequestLog__Share", "1.5", "RequestLog: The field Share must be between 0 and 1.")]
    [InlineData("Security__RequestsPerSecond", "10/s", "Security:RequestsPerSecond")]
    [InlineData("Security__KnownProxies__0", "proxy.example", "Security:KnownProxies")]
    [InlineData("Security__AdminKeys__0", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "empty text")]
    [InlineData("Security__ReadKeys__0", "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", "empty text")]
    [InlineData("Security__WriteKeys__0", "e3b0c442", "SHA-256")]
    [InlineData("Security__WriteKeys__0", "", "SHA-256")]
    [InlineData("Security__WriteKeys__0__hash", "x", "Security:WriteKeys:0")]
    [InlineData("Security__CorsOrigins", "https://shop.example", "Security:CorsOrigins:0")]
    [InlineData("Security__CorsOrigins__0", "https://shop.example/", "'https://shop.example/' is not an origin")]
    [InlineData("Security__CorsOrigins__0", "shop.example", "Security:CorsOrigins")]
    [InlineData("Security__CorsOrigins__0", "*", "Security:CorsOrigins")]
    [InlineData("ConnectionStrings__cache", "password=x", "names no server")]
    public async Task An_invalid_setting_stops_startup_with_one_line_that_names_it(string name, string value, string named)
    {
        using ProgramProcess api = StartApi(new() { [name] = value });

        Assert.Equal(1, await api.EndAsync());
        string line = Assert.Single(api.Output.Split('\n'));
        Assert.Contains(named, line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Security__WriteKeys__0", "SHA-256")]
    [InlineData("Security__WriteKeys", "Security:WriteKeys is a list. Set Security:WriteKeys:0")]
    public async Task A_key_in_plain_text_stops_startup_and_is_not_logged(string name, string reason)
    {
        using ProgramProcess api = StartApi(new() { [name] = "write-key-of-the-test" });

        Assert.Equal(1, await api.EndAsync());
        Assert.Contains(reason, api.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("write-key-of-the-test", api.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_in_use_stops_startup_with_the_reason()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        using ProgramProcess api = StartApi(new() { ["ASPNETCORE_URLS"] = $"http://{taken.LocalEndpoint}" });

        Assert.Equal(1, await api.EndAsync());
        Assert.Contains($"The service cannot start: Failed to bind to address http://{taken.LocalEndpoint}: address already in use.", api.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ASPNETCORE_URLS", "localhost", "Invalid url: 'localhost'")]
    [InlineData("ASPNETCORE_URLS", "http://127.0.0.1:99999", "'port'")]
    [InlineData("Kestrel__Endpoints__Https__Url", "https://127.0.0.1:0", "certificate")]
    public async Task An_unusable_address_stops_startup_with_the_reason(string name, string value, string reason)
    {
        using ProgramProcess api = StartApi(new() { [name] = value });

        Assert.Equal(1, await api.EndAsync());
        string line = Assert.Single(api.Output.Split('\n'), line => line.StartsWith("The service cannot start: ", StringComparison.Ordinal));
        Assert.Contains(reason, line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Started_from_another_folder_among_unrelated_variables_the_API_finds_its_settings()
    {
        using ProgramProcess api = StartApi(new() { ["SERVER"] = "build-17", ["EVENTS"] = "all", ["MODELS"] = "/srv/models" });
        using var client = new HttpClient { BaseAddress = await api.Address };

        Assert.True((await client.GetAsync(new Uri("/healthz", UriKind.Relative), TestContext.Current.CancellationToken)).IsSuccessStatusCode);

        // appsettings.json limits the framework's log to warnings; without it every request logs several lines.
        Assert.DoesNotContain("Request starting", api.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_logged_request_has_path_status_and_id_and_no_query()
    {
        using ProgramProcess api = StartApi(new() { ["RequestLog__Share"] = "1" });
        using var client = new HttpClient { BaseAddress = await api.Address };

        using HttpResponseMessage response = await client.GetAsync(new Uri("/healthz?secret=x", UriKind.Relative), TestContext.Current.CancellationToken);

        string id = Assert.Single(response.Headers.GetValues("X-Request-Id"));
        await ApiServer.UntilAsync("the request is logged", () => Task.FromResult(api.Output.Contains($"RequestId: {id}", StringComparison.Ordinal)));
        Assert.Contains("Path: /healthz", api.Output, StringComparison.Ordinal);
        Assert.Contains("StatusCode: 200", api.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", api.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_limit_of_open_files_too_low_for_connections_stops_startup()
    {
        using ProgramProcess api = StartApi([], files: 400);

        Assert.Equal(1, await api.EndAsync());
        Assert.Contains("may open 400 files but needs at least 896", Assert.Single(api.Output.Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_low_limit_of_open_files_bounds_the_connections_and_the_log_says_so()
    {
        new RandomModel(901).Publish(new ArtifactStore(_folder.Path));
        using ProgramProcess api = StartApi([], files: 1100);
        Uri address = await api.Address;
        var connections = new List<RawHttp>();
        try
        {
            for (int i = 0; i < 450; i++)
            {
                connections.Add(await RawHttp.ConnectAsync(address));
            }

            Assert.Equal("", await connections[^1].ReadToEndAsync()); // closed at once
        }
        finally
        {
            connections.ForEach(connection => connection.Dispose());
        }

        using var client = new HttpClient { BaseAddress = address };
        await ApiServer.UntilAsync("the API answers again", async () =>
        {
            try
            {
                using HttpResponseMessage ready = await client.GetAsync(new Uri("/readyz", UriKind.Relative), TestContext.Current.CancellationToken);
                return ready.IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false; // still at the limit
            }
        });
        Assert.Contains("may open 1100 files, so it accepts at most 332 connections", api.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("rejected", api.Output, StringComparison.Ordinal); // otherwise a client could fill the log
    }

    private ProgramProcess StartApi(Dictionary<string, string> environment, int? files = null)
    {
        environment.TryAdd("ASPNETCORE_URLS", "http://127.0.0.1:0");
        environment["Artifacts__Path"] = _folder.Path;
        return ProgramProcess.StartIn(_folder.Path, "NanoRecSys.Api", environment, files);
    }
}
