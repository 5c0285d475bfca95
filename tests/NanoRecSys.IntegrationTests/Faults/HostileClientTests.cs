using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;

namespace NanoRecSys.IntegrationTests.Faults;

public sealed class HostileClientTests
{
    private static readonly HttpStatusCode[] Expected =
        [HttpStatusCode.OK, HttpStatusCode.UnprocessableEntity, HttpStatusCode.Conflict, HttpStatusCode.RequestEntityTooLarge];

    [Fact]
    public async Task Ten_thousand_hostile_bodies_are_all_answered_without_a_500()
    {
        const int bodies = 10_000;
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(421), cache.ConnectionString);
        var statuses = new Dictionary<HttpStatusCode, int>();
        var hostile = new HostileBodies(seed: 20_26);
        for (int i = 0; i < bodies; i++)
        {
            (string path, byte[] body) = hostile.Next();
            using var content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            using HttpResponseMessage response = await api.Client.PostAsync(new Uri(path, UriKind.Relative), content, TestContext.Current.CancellationToken);
            string answer = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            Assert.True(Expected.Contains(response.StatusCode), $"Body {i} to {path}: {(int)response.StatusCode} {answer}\n{Encoding.Latin1.GetString(body)}");
            JsonElement json = JsonSerializer.Deserialize<JsonElement>(answer); // always JSON
            Assert.True(response.IsSuccessStatusCode || (json.TryGetProperty("detail", out _) && json.TryGetProperty("request_id", out _)), answer);
            statuses[response.StatusCode] = statuses.GetValueOrDefault(response.StatusCode) + 1;
        }

        TestContext.Current.TestOutputHelper?.WriteLine(string.Join(", ", statuses.Select(status => $"{(int)status.Key}: {status.Value}")));
        Assert.True(statuses[HttpStatusCode.UnprocessableEntity] > bodies / 2);
        Assert.Equal(0, (await api.StatusAsync()).GetProperty("stats").GetProperty("errors").GetInt64());
        Assert.Equal("live", (await api.PostAsync("/recommend", """{"user_id": 7}""")).Text("mode"));
    }

    [Fact]
    public async Task Clients_that_disconnect_cause_no_errors_and_leave_nothing_behind()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(422));
        byte[] whole = Encoding.ASCII.GetBytes(
            "POST /recommend HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"user_id\": 11}");
        for (int i = 0; i < 300; i++)
        {
            using var client = new TcpClient { LingerState = new LingerOption(enable: true, seconds: 0) }; // disconnects with a reset
            await client.ConnectAsync(api.Client.BaseAddress!.Host, api.Client.BaseAddress.Port, TestContext.Current.CancellationToken);
            // From nothing to the whole request, without reading the answer.
            await client.GetStream().WriteAsync(whole.AsMemory(0, i * whole.Length / 299), TestContext.Current.CancellationToken);
        }

        for (int i = 0; i < 20; i++)
        {
            Assert.Equal(10, (await api.PostAsync("/recommend", """{"user_id": 11}""")).MovieIds().Length);
        }

        Assert.Equal(0, (await api.StatusAsync()).GetProperty("stats").GetProperty("errors").GetInt64());
    }
}
