using System.Net;
using System.Net.Http.Json;

namespace NanoRecSys.EndToEndTests;

/// <summary>The stack with Garnet as its cache, killed with SIGKILL, which no process can handle.</summary>
public sealed class DurabilityTests(FirstStart start)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(3);

    private const int Writers = 8;
    private const int FirstUser = 900_000;
    private static readonly int[] Movies = [1, 2, 3, 5, 6, 7, 10, 11, 16, 17, 19, 21, 22, 25, 29, 31, 32, 34, 36, 39]; // in the sample

    [Fact]
    public async Task No_acknowledged_event_is_lost_when_everything_is_killed()
    {
        BuiltStack.RequireBrowser();
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        int[] acknowledged = new int[Writers];
        for (int round = 0; round < 2; round++)
        {
            await using StackProcess stack = StackProcess.Start(start.Artifacts);
            await stack.Recommending.WaitAsync(Timeout, cancellation);
            using var http = new HttpClient { BaseAddress = stack.Api };
            await AssertStoredAsync(http, acknowledged, kills: round, cancellation);
            Task[] writers = [.. Enumerable.Range(0, Writers).Select(writer => WriteUntilKilledAsync(http, writer, acknowledged))];
            using (var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellation))
            {
                timeout.CancelAfter(Timeout);
                while (acknowledged.Any(count => count == 0))
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(50), timeout.Token);
                }
            }

            await Task.Delay(TimeSpan.FromSeconds(2), cancellation);
            stack.KillEverything();
            await Task.WhenAll(writers);
            Assert.All(acknowledged, count => Assert.True(count > 0, stack.Output));
        }

        await using StackProcess last = StackProcess.Start(start.Artifacts);
        await last.Recommending.WaitAsync(Timeout, cancellation);
        using var client = new HttpClient { BaseAddress = last.Api };
        await AssertStoredAsync(client, acknowledged, kills: 2, cancellation);
    }

    // Each kill may lose the acknowledgement of a stored event; it is then sent again, and must be stored only once.
    private static async Task AssertStoredAsync(HttpClient http, int[] acknowledged, int kills, CancellationToken cancellation)
    {
        for (int writer = 0; kills > 0 && writer < Writers; writer++)
        {
            JsonElement history;
            do
            {
                history = await http.GetFromJsonAsync<JsonElement>($"/users/{FirstUser + writer}/history", cancellation);
            }
            while (history.GetProperty("degraded").GetBoolean()); // On a busy machine the store may be slow.
            Assert.InRange(history.GetProperty("total").GetInt32(), acknowledged[writer], acknowledged[writer] + 1);
        }
    }

    private static async Task WriteUntilKilledAsync(HttpClient http, int writer, int[] acknowledged)
    {
        try
        {
            while (true)
            {
                int count = acknowledged[writer];
                using HttpResponseMessage response = await http.PostAsJsonAsync(
                    "/events", new { user_id = FirstUser + writer, movie_id = Movies[count % Movies.Length], timestamp = 1_000_000 + count });
                if (response.StatusCode != HttpStatusCode.ServiceUnavailable) // On a busy machine the store may be slow: retry.
                {
                    response.EnsureSuccessStatusCode();
                    acknowledged[writer] = count + 1;
                }

                await Task.Delay(TimeSpan.FromMilliseconds(5)); // otherwise a fast machine writes so many that old ones move out of the store
            }
        }
        catch (HttpRequestException)
        {
            // The stack was killed.
        }
    }
}
