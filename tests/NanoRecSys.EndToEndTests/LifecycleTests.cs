using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;

namespace NanoRecSys.EndToEndTests;

public sealed class LifecycleTests(FirstStart start)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(3);

    /// <summary>One start for four checks, because each start takes ten seconds.</summary>
    [Fact]
    public async Task A_second_stack_on_the_same_artifacts_trains_nothing_restarts_killed_services_and_dies_with_its_host()
    {
        BuiltStack.RequireBrowser(); // without one, the shared first start trains no model
        await using StackProcess stack = StackProcess.Start(start.Artifacts);
        await stack.Recommending.WaitAsync(Timeout, TestContext.Current.CancellationToken);
        Assert.NotEqual(start.Address, await stack.Address);
        Assert.Empty(stack.Running("NanoRecSys.Training"));

        await PageStaysWhileTheApiIsSilentAsync(stack);

        int web = Assert.Single(stack.Running("NanoRecSys.Web"));
        foreach ((string service, string program) in new[] { ("api", "NanoRecSys.Api"), ("cache", "NanoRecSys.Cache") })
        {
            stack.KillService(program);
            await stack.WaitForOutputAsync($"host     {service}-", Timeout, TestContext.Current.CancellationToken);
        }

        Assert.Contains("ended with exit code", stack.Output, StringComparison.Ordinal);
        Assert.Contains("Restarting it in 1 s (1 of 5).", stack.Output, StringComparison.Ordinal);
        await WaitUntilEventsAreStoredAsync(stack.Api);
        Assert.Equal(web, Assert.Single(stack.Running("NanoRecSys.Web")));

        await stack.KillHostAsync();
        Assert.Empty(await stack.RemainingAfterAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Taken_ports_move_to_the_next_free_ones_and_replicas_share_an_address()
    {
        BuiltStack.RequireBrowser(); // without one, the shared first start trains no model
        using TcpListener taken = new(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;
        await using StackProcess stack = StackProcess.Start(
            start.Artifacts, "--web-port", $"{port}", "--api-port", $"{port}", "--cache-port", $"{port}", "--api-replicas", "2");
        await stack.Recommending.WaitAsync(Timeout, TestContext.Current.CancellationToken);

        Uri web = await stack.Address;
        Assert.All(new[] { web.Port, stack.Api.Port }, chosen => Assert.InRange(chosen, port + 1, port + 100));
        Assert.NotEqual(web.Port, stack.Api.Port);
        Assert.Equal(2, stack.Running("NanoRecSys.Api").Count);

        // Connections are spread over the replicas: both answer, at one address.
        HashSet<string> instances = [];
        for (int i = 0; i < 40 && instances.Count < 2; i++)
        {
            using HttpClient http = new() { BaseAddress = stack.Api };
            JsonElement host = await http.GetFromJsonAsync<JsonElement>("/debug/host", TestContext.Current.CancellationToken);
            instances.Add(host.GetProperty("started").GetString()!);
        }

        Assert.Equal(2, instances.Count);
    }

    // Suspended, not killed: the API accepts connections but does not answer.
    private async Task PageStaysWhileTheApiIsSilentAsync(StackProcess stack)
    {
        await using Visit visit = await Visit.StartAsync(start.Browser, await stack.Address);
        await visit.OpenAsync("/?user=9");
        await visit.Marked("recommendation-card").First.WaitForAsync();

        stack.Stop("NanoRecSys.Api");
        await Expect(visit.Marked("api-silent")).ToContainTextAsync("The API has not answered since", new() { Timeout = 30_000 });
        await Expect(visit.Marked("readiness")).ToHaveTextAsync("API offline");
        await Expect(visit.Marked("recommendation-card").First).ToBeVisibleAsync();

        stack.Continue("NanoRecSys.Api");
        await Expect(visit.Marked("api-silent")).ToHaveCountAsync(0, new() { Timeout = 30_000 });
        await Expect(visit.Marked("readiness")).ToHaveTextAsync("Live");
    }

    // The API reconnects to the restarted cache on its own.
    private static async Task WaitUntilEventsAreStoredAsync(Uri api)
    {
        using HttpClient http = new() { BaseAddress = api };
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                using HttpResponseMessage stored = await http.PostAsJsonAsync("/events", new { user_id = 4_242, movie_id = 1 }, TestContext.Current.CancellationToken);
                if (stored.IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (HttpRequestException) when (attempt < 300)
            {
                // Not restarted yet.
            }

            Assert.True(attempt < 300, "No event was stored within a minute after the restarts.");
            await Task.Delay(TimeSpan.FromMilliseconds(200), TestContext.Current.CancellationToken);
        }
    }
}
