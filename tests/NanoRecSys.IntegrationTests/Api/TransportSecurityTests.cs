using System.Net.Http.Json;
using System.Security.Authentication;

namespace NanoRecSys.IntegrationTests.Api;

/// <summary>TLS to the API and to Redis, with only the configuration that docs/operations.md describes.</summary>
public sealed class TransportSecurityTests : IDisposable
{
    private const string Password = "s3cret";

    private readonly TemporaryFolder _folder = new();
    private readonly TestCertificates _certificates;
    private readonly ArtifactStore _store;

    public TransportSecurityTests()
    {
        _certificates = new TestCertificates(_folder.Path);
        _store = new ArtifactStore(Path.Combine(_folder.Path, "artifacts"));
        new RandomModel(331).Publish(_store);
    }

    public void Dispose()
    {
        _certificates.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task The_API_accepts_only_HTTPS_with_the_configured_certificate()
    {
        using ProgramProcess program = ProgramProcess.Start("NanoRecSys.Api", new Dictionary<string, string>
        {
            ["Artifacts__Path"] = _store.Root,
            ["Kestrel__Endpoints__Https__Url"] = "https://127.0.0.1:0",
            ["Kestrel__Endpoints__Https__Certificate__Path"] = _certificates.Certificate,
            ["Kestrel__Endpoints__Https__Certificate__KeyPath"] = _certificates.Key,
        });
        Uri address = await program.Address;
        using HttpClient trusting = _certificates.Client(address);
        using var untrusting = new HttpClient { BaseAddress = address };
        using var plain = new HttpClient { BaseAddress = new UriBuilder(address) { Scheme = "http" }.Uri };

        await ApiServer.UntilReadyAsync(trusting);
        JsonElement answer = await PostAsync(trusting, "/recommend", new { user_id = 11, k = 3 });

        Assert.Equal("https", address.Scheme);
        Assert.Equal(3, answer.MovieIds().Length);
        Assert.DoesNotContain("Now listening on: http:", program.Output, StringComparison.Ordinal);
        HttpRequestException refused = await Assert.ThrowsAsync<HttpRequestException>(() => untrusting.GetAsync(new Uri("/healthz", UriKind.Relative), TestContext.Current.CancellationToken));
        Assert.IsType<AuthenticationException>(refused.InnerException);
        await Assert.ThrowsAsync<HttpRequestException>(() => plain.GetAsync(new Uri("/healthz", UriKind.Relative), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Events_and_cached_answers_go_through_a_Redis_with_TLS_and_a_password()
    {
        using CacheServer cache = StartRedis();
        string connection = $"{cache.ConnectionString},ssl=true,password={Password}";
        (string, string)[] settings = [("ConnectionStrings__cache", connection), ("SERedis_IssuerCertPath", _certificates.Authority)];
        using ProgramProcess program = ProgramProcess.StartApi(_store.Root, settings);
        using var http = new HttpClient { BaseAddress = await program.Address };
        await ApiServer.UntilReadyAsync(http);

        JsonElement receipt = await PostAsync(http, "/events", new { user_id = 11, movie_id = 1010, timestamp = 5 });
        JsonElement first = await PostAsync(http, "/recommend", new { user_id = 11, include_history = true });
        // Another process answers, so that the answer comes from Redis and not from process memory.
        using ProgramProcess other = ProgramProcess.StartApi(_store.Root, settings);
        using var next = new HttpClient { BaseAddress = await other.Address };
        await ApiServer.UntilReadyAsync(next);
        JsonElement second = await PostAsync(next, "/recommend", new { user_id = 11, include_history = true });

        Assert.Equal(1, receipt.GetProperty("stored").GetInt32());
        Assert.Contains(1010, first.GetProperty("history").Ids());
        Assert.Equal(("live", true), (second.Text("mode"), second.Flag("served_from_cache")));
        Assert.Equal(first.MovieIds(), second.MovieIds());
        Assert.DoesNotContain(Password, program.Output + other.Output, StringComparison.Ordinal);
        Assert.Contains("encrypted, with a password", await http.GetStringAsync(new Uri("/debug/host", UriKind.Relative), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ssl=true,password=wrong", true)]
    [InlineData("ssl=true,password=s3cret", false)]
    [InlineData("password=s3cret", true)]
    public async Task With_a_wrong_password_an_unknown_authority_or_no_TLS_nothing_is_stored_and_recommendations_continue(string options, bool trusts)
    {
        using CacheServer cache = StartRedis();
        using ProgramProcess program = ProgramProcess.StartApi(
            _store.Root, ("ConnectionStrings__cache", $"{cache.ConnectionString},{options}"), ("SERedis_IssuerCertPath", trusts ? _certificates.Authority : ""));
        using var http = new HttpClient { BaseAddress = await program.Address };
        await ApiServer.UntilReadyAsync(http);

        using HttpResponseMessage refused = await http.PostAsJsonAsync("/events", new { user_id = 11, movie_id = 1010 }, TestContext.Current.CancellationToken);
        JsonElement answer = await PostAsync(http, "/recommend", new { user_id = 11 });

        Assert.Equal(503, (int)refused.StatusCode);
        Assert.Equal(("degraded", 10), (answer.Text("mode"), answer.MovieIds().Length));
        Assert.DoesNotContain("s3cret", program.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_next_training_set_takes_events_from_a_Redis_with_TLS_and_a_password()
    {
        using CacheServer cache = StartRedis();
        using ProgramProcess program = ProgramProcess.Start(
            "NanoRecSys.Training", new Dictionary<string, string> { ["SERedis_IssuerCertPath"] = _certificates.Authority },
            "prepare", "--data", "small", "--artifacts", Path.Combine(_folder.Path, "prepared"), "--events", $"rediss://:{Password}@{cache.ConnectionString}");

        Assert.True(await program.EndAsync() == 0, program.Output);
    }

    private CacheServer.RedisCache StartRedis()
    {
        var cache = new CacheServer.RedisCache(
            "--requirepass", Password, "--tls-cert-file", _certificates.Certificate, "--tls-key-file", _certificates.Key, "--tls-auth-clients", "no")
        {
            Password = Password,
            Authority = _certificates.Authority,
        };
        cache.Start();
        return cache;
    }

    private static async Task<JsonElement> PostAsync(HttpClient http, string path, object body)
    {
        using HttpResponseMessage response = await http.PostAsJsonAsync(path, body, TestContext.Current.CancellationToken);
        JsonElement answer = await response.BodyAsync();
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode}: {answer}");
        return answer;
    }
}
