using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;

namespace NanoRecSys.IntegrationTests.Api;

public sealed class SecurityTests : IDisposable
{
    private const string WriteKey = "write-key-of-the-test";
    private const string AdminKey = "admin-key-of-the-test";
    private const string ReadKey = "read-key-of-the-test";
    private static readonly (string, string)[] Keys = [("Security:WriteKeys:0", HashOf(WriteKey)), ("Security:AdminKeys:0", HashOf(AdminKey))];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("/events", null, HttpStatusCode.Unauthorized)]
    [InlineData("/events", "guess", HttpStatusCode.Unauthorized)]
    [InlineData("/events", WriteKey, HttpStatusCode.OK)]
    [InlineData("/events", AdminKey, HttpStatusCode.OK)]
    [InlineData("/items", null, HttpStatusCode.Unauthorized)]
    [InlineData("/items", WriteKey, HttpStatusCode.UnprocessableEntity)]
    [InlineData("/models/rollback", null, HttpStatusCode.Unauthorized)]
    [InlineData("/models/rollback", WriteKey, HttpStatusCode.Forbidden)]
    [InlineData("/models/rollback", AdminKey, HttpStatusCode.Conflict)]
    [InlineData("/recommendations/preview", null, HttpStatusCode.Unauthorized)]
    [InlineData("/recommendations/preview", WriteKey, HttpStatusCode.Forbidden)]
    [InlineData("/recommend", null, HttpStatusCode.OK)]
    public async Task With_configured_keys_writing_and_administration_require_one(string path, string? key, HttpStatusCode expected)
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await StartAsync(cache.ConnectionString, Keys);

        using HttpResponseMessage response = await SendAsync(api, HttpMethod.Post, path, key);

        Assert.Equal(expected, response.StatusCode);
    }

    [Theory]
    [InlineData("", "/models/rollback", null, HttpStatusCode.Conflict)]
    [InlineData("", "/events", null, HttpStatusCode.ServiceUnavailable)]
    [InlineData("WriteKeys", "/models/rollback", null, HttpStatusCode.Unauthorized)]
    [InlineData("WriteKeys", "/models/rollback", WriteKey, HttpStatusCode.Forbidden)]
    [InlineData("AdminKeys", "/events", null, HttpStatusCode.Unauthorized)]
    [InlineData("AdminKeys", "/events", AdminKey, HttpStatusCode.ServiceUnavailable)]
    public async Task Each_kind_of_key_opens_its_own_calls_and_without_keys_all_are_open(string kind, string path, string? key, HttpStatusCode expected)
    {
        await using ApiServer api = await StartAsync(null, [.. Keys.Where(setting => kind.Length > 0 && setting.Item1.Contains(kind, StringComparison.Ordinal))]);

        using HttpResponseMessage response = await SendAsync(api, HttpMethod.Post, path, key);

        Assert.Equal(expected, response.StatusCode); // 409 and 503: authorized, but there is no previous version and no store
    }

    [Theory]
    [InlineData("GET", "/users", null, 401)]
    [InlineData("GET", "/users", "guess", 401)]
    [InlineData("GET", "/users", ReadKey, 200)]
    [InlineData("GET", "/users/11/history", null, 401)]
    [InlineData("GET", "/users/11/history", ReadKey, 200)]
    [InlineData("GET", "/users/11/lists", null, 401)]
    [InlineData("GET", "/events", null, 401)]
    [InlineData("GET", "/items/1001/audience", null, 401)] // it lists users
    [InlineData("GET", "/debug/status", null, 401)]
    [InlineData("GET", "/debug/host", null, 401)]
    [InlineData("GET", "/debug/telemetry", null, 401)]
    [InlineData("GET", "/debug/telemetry", WriteKey, 200)]
    [InlineData("GET", "/debug/telemetry", AdminKey, 200)]
    [InlineData("POST", "/recommend", null, 401)]
    [InlineData("POST", "/recommend", ReadKey, 200)]
    [InlineData("POST", "/events", null, 401)]
    [InlineData("POST", "/events", ReadKey, 403)]
    [InlineData("POST", "/models/rollback", ReadKey, 403)]
    [InlineData("GET", "/rules", null, 401)]
    [InlineData("GET", "/rules", ReadKey, 200)]
    [InlineData("PUT", "/rules", WriteKey, 403)]
    [InlineData("GET", "/catalog", null, 200)]
    [InlineData("GET", "/readyz", null, 200)]
    [InlineData("GET", "/healthz", null, 200)]
    public async Task With_configured_read_keys_reading_user_data_requires_one(string method, string path, string? key, int expected)
    {
        await using ApiServer api = await StartAsync(null, [.. Keys, ("Security:ReadKeys:0", HashOf(ReadKey))]);

        using HttpResponseMessage response = await SendAsync(api, new HttpMethod(method), path, key);

        Assert.Equal(expected, (int)response.StatusCode);
        Assert.Equal(expected == 401, response.Headers.WwwAuthenticate.Count > 0);
        Assert.True(response.Headers.Contains("X-Request-Id"));
    }

    [Fact]
    public async Task With_read_keys_only_nobody_may_write()
    {
        await using ApiServer api = await StartAsync(null, ("Security:ReadKeys:0", HashOf(ReadKey)));

        Assert.Equal(HttpStatusCode.Unauthorized, (await api.SendAsync("/events", """{"user_id": 11, "movie_id": 1010}""")).StatusCode);
    }

    [Fact]
    public async Task Beyond_the_rate_an_address_gets_a_429_and_probes_are_answered()
    {
        await using ApiServer api = await StartAsync(null, ("Security:RequestsPerSecond", "1"), ("Security:Burst", "60"));
        var statuses = new List<HttpStatusCode>();
        HttpResponseMessage? refused = null;
        for (int i = 0; i < 100; i++)
        {
            HttpResponseMessage response = await api.SendAsync("/recommend", """{"user_id": 11}""");
            statuses.Add(response.StatusCode);
            refused = response.StatusCode == HttpStatusCode.TooManyRequests ? response : refused;
        }

        Assert.Contains(HttpStatusCode.OK, statuses);
        Assert.NotNull(refused);
        Assert.NotNull(refused.Headers.RetryAfter);
        Assert.Equal(refused.Headers.GetValues("X-Request-Id").Single(), (await refused.BodyAsync()).Text("request_id"));
        Assert.Equal(HttpStatusCode.OK, (await api.FetchAsync("/healthz")).StatusCode);
    }

    [Theory]
    [InlineData("GET", "/nothing-here", "", 404)]
    [InlineData("PUT", "/recommend", "{}", 405)]
    [InlineData("POST", "/recommend", "{", 422)]
    [InlineData("POST", "/recommend/session", "{}", 422)]
    [InlineData("GET", "/users/99/history", "", 404)]
    [InlineData("GET", "/items/a%09b/similar", "", 422)]
    [InlineData("POST", "/models/000000000000/pin", "", 409)]
    [InlineData("POST", "/events", """{"user_id": 11, "movie_id": 1010}""", 503)]
    public async Task Every_error_has_the_id_of_the_header_and_the_log(string method, string path, string body, int status)
    {
        ApiServer api = await SharedServers.Ranked;
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(path, UriKind.Relative)) { Content = new StringContent(body, Encoding.UTF8, "application/json") };

        using HttpResponseMessage response = await api.Client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(response.Headers.GetValues("X-Request-Id").Single(), (await response.BodyAsync()).Text("request_id"));
    }

    [Fact]
    public async Task An_answer_s_request_id_is_the_header_s()
    {
        ApiServer api = await SharedServers.Ranked;

        using HttpResponseMessage response = await api.SendAsync("/recommend", """{"user_id": 11}""");

        Assert.Equal(response.Headers.GetValues("X-Request-Id").Single(), (await response.BodyAsync()).Text("request_id"));
        Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Equal("DENY", response.Headers.GetValues("X-Frame-Options").Single());
        Assert.Equal("default-src 'none'; frame-ancestors 'none'", response.Headers.GetValues("Content-Security-Policy").Single());
        Assert.True(response.Headers.CacheControl!.NoStore);
        Assert.False(response.Headers.Contains("Server"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Other_origins_may_call_only_where_the_settings_name_them(bool isNamed)
    {
        await using ApiServer api = await StartAsync(null, isNamed ? [("Security:CorsOrigins:0", "https://shop.example")] : []);
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri("/healthz", UriKind.Relative));
        request.Headers.Add("Origin", "https://shop.example");

        using HttpResponseMessage response = await api.Client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(isNamed, response.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task A_page_of_an_allowed_origin_can_read_that_it_must_wait_and_its_preflights_do_not_count()
    {
        await using ApiServer api = await StartAsync(
            null, ("Security:CorsOrigins:0", "https://shop.example"), ("Security:RequestsPerSecond", "1"), ("Security:Burst", "1"));
        Task<HttpResponseMessage> SendAsync(HttpMethod method)
        {
            var request = new HttpRequestMessage(method, new Uri("/catalog", UriKind.Relative));
            request.Headers.Add("Origin", "https://shop.example");
            if (method == HttpMethod.Options)
            {
                request.Headers.Add("Access-Control-Request-Method", "GET");
            }

            return api.Client.SendAsync(request, TestContext.Current.CancellationToken);
        }

        HttpResponseMessage refused;
        do
        {
            refused = await SendAsync(HttpMethod.Get);
        }
        while (refused.StatusCode == HttpStatusCode.OK);
        HttpResponseMessage[] preflights = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => SendAsync(HttpMethod.Options)));

        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Equal("https://shop.example", refused.Headers.GetValues("Access-Control-Allow-Origin").Single());
        Assert.Contains("Retry-After", refused.Headers.GetValues("Access-Control-Expose-Headers").Single(), StringComparison.Ordinal);
        Assert.All(preflights, preflight => Assert.Equal(HttpStatusCode.NoContent, preflight.StatusCode));
    }

    [Fact]
    public async Task The_connection_string_authenticates_to_a_Redis_with_a_password()
    {
        using var cache = new CacheServer.RedisCache("--requirepass", "secret") { Password = "secret" };
        cache.Start();
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(323), $"{cache.ConnectionString},password=secret");

        JsonElement receipt = await api.PostAsync("/events", """{"user_id": 11, "movie_id": 1010}""");

        Assert.Equal(1, receipt.GetProperty("stored").GetInt32());
        Assert.DoesNotContain("secret", (await api.StatusAsync()).GetRawText(), StringComparison.Ordinal);
    }

    private Task<ApiServer> StartAsync(string? redis, params (string, string)[] settings)
    {
        var store = new ArtifactStore(_folder.Path);
        new RandomModel(324).Publish(store);
        return ApiServer.StartAsync(store, redis, settings);
    }

    private static async Task<HttpResponseMessage> SendAsync(ApiServer api, HttpMethod method, string path, string? key)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        request.Content = method == HttpMethod.Post ? JsonContent.Create(new { user_id = 11, movie_id = 1010 }) : null;
        if (key is not null)
        {
            request.Headers.Add("X-Api-Key", key);
        }

        return await api.Client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    private static string HashOf(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
}
