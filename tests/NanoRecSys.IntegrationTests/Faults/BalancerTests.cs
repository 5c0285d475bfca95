using System.Collections.Concurrent;
using System.Net.Http.Json;
using NanoRecSys.Benchmarks.Stack;

namespace NanoRecSys.IntegrationTests.Faults;

/// <summary>Two API processes behind HAProxy with the configuration in <c>deploy</c>.</summary>
public sealed class BalancerTests : IDisposable
{
    private const int Clients = 4;
    private const int Writer = 7000; // user of the events that are sent under load

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Two_replicas_share_requests_and_events_and_either_may_stop_without_a_failed_request()
    {
        Assert.SkipUnless(File.Exists("/usr/sbin/haproxy") && File.Exists("/usr/bin/redis-server"), "Needs haproxy and redis-server.");
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        new RandomModel(821).Publish(new ArtifactStore(_folder.Path));
        string configuration = await File.ReadAllTextAsync(Path.Combine(RepositoryFolder.Root, "deploy", "haproxy.cfg"), cancellation);
        using var stack = new LocalStack(_folder.Path, program: null, replicas: 2, new Dictionary<string, string>
        {
            ["Server__DrainDelay"] = "00:00:02",
            ["Events__MostPerUser"] = "100000", // none is archived
        }, ApiServer.PatientTimeouts);
        using var balanced = new HttpClient { BaseAddress = stack.Balance(2, configuration) };
        using var first = new HttpClient { BaseAddress = stack.Addresses[0] };
        using var second = new HttpClient { BaseAddress = stack.Addresses[1] };
        foreach (Uri address in (Uri[])[.. stack.Addresses, balanced.BaseAddress])
        {
            await stack.WaitUntilReadyAsync(address, cancellation);
        }

        // Both get requests once the balancer has found them ready.
        await UntilAnsweredAsync(first, balanced, cancellation);
        await UntilAnsweredAsync(second, balanced, cancellation);

        // An event stored by one is visible on the other.
        int seen = (await RecommendAsync(second, cancellation)).MovieIds()[0];
        using (HttpResponseMessage stored = await first.PostAsJsonAsync("/events", new { user_id = RandomModel.QuietUser, movie_id = seen }, cancellation))
        {
            Assert.Equal(HttpStatusCode.OK, stored.StatusCode);
        }

        Assert.DoesNotContain(seen, (await RecommendAsync(second, cancellation)).MovieIds());

        var failures = new ConcurrentQueue<string>();
        int answered = 0;
        int acknowledged = 0;
        using var stop = new CancellationTokenSource();
        Task load = Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(async () =>
        {
            for (int i = 0; !stop.IsCancellationRequested; i++)
            {
                using HttpResponseMessage response = client == 0
                    ? await balanced.PostAsJsonAsync("/events", new { user_id = Writer, movie_id = 1001 + i % RandomModel.Items, timestamp = i }, cancellation)
                    : await balanced.PostAsJsonAsync("/recommend", new { user_id = RandomModel.QuietUser, k = 1 + i % 50 }, cancellation);
                if (!response.IsSuccessStatusCode)
                {
                    failures.Enqueue($"{response.StatusCode} {await response.Content.ReadAsStringAsync(cancellation)}");
                }

                Interlocked.Increment(ref answered);
                acknowledged += client == 0 && response.IsSuccessStatusCode ? 1 : 0;
            }
        }, cancellation)));

        await UntilMoreAreAnsweredAsync();
        stack.KillApi(0);
        await UntilMoreAreAnsweredAsync();
        stack.RestartApi(0);
        await UntilAnsweredAsync(first, balanced, cancellation); // ready again
        Assert.Equal(0, await stack.TerminateApiAsync(1, cancellation));
        await UntilMoreAreAnsweredAsync();
        await stop.CancelAsync();
        await load;

        Assert.Empty(failures);
        JsonElement history = await first.GetFromJsonAsync<JsonElement>($"/users/{Writer}/history", cancellation);
        Assert.Equal(acknowledged, history.GetProperty("total").GetInt32());

        Task UntilMoreAreAnsweredAsync()
        {
            int before = Volatile.Read(ref answered);
            return ApiServer.UntilAsync("more requests are answered", () => Task.FromResult(load.IsFaulted || Volatile.Read(ref answered) > before + 100));
        }
    }

    // Waits until a replica has answered a request that was sent to the balancer.
    private static async Task UntilAnsweredAsync(HttpClient replica, HttpClient balanced, CancellationToken cancellation) =>
        await ApiServer.UntilAsync($"{replica.BaseAddress} receives requests", async () =>
        {
            await RecommendAsync(balanced, cancellation);
            try
            {
                JsonElement status = await replica.GetFromJsonAsync<JsonElement>("/debug/status", cancellation);
                return status.GetProperty("stats").GetProperty("requests").GetInt64() > 0;
            }
            catch (HttpRequestException)
            {
                return false; // still starting
            }
        });

    private static async Task<JsonElement> RecommendAsync(HttpClient api, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await api.PostAsJsonAsync("/recommend", new { user_id = RandomModel.QuietUser }, cancellation);
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(cancellation)}");
        return await response.BodyAsync();
    }
}
