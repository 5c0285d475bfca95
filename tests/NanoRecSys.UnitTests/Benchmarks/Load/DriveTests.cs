using System.Net;
using System.Net.Sockets;
using System.Text;
using NanoRecSys.Benchmarks.Load;

namespace NanoRecSys.UnitTests.Benchmarks.Load;

public sealed class DriveTests
{
    private const string Live = "HTTP/1.1 200 OK\r\ncontent-length: 42\r\n\r\n{\"served_from_cache\": true,\"mode\": \"live\"}";
    private const string Degraded = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n13\r\n{\"mode\":\"degraded\"}\r\n0\r\n\r\n";
    private const string Busy = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n";

    [Fact]
    public void Responses_with_a_length_and_in_chunks_are_both_read()
    {
        Outcomes outcomes = Run(rate: 40, number => (number % 3) switch { 0 => Live, 1 => Degraded, _ => Busy }, _ => 0);

        Assert.Equal((14, 13, 13, 14), (outcomes.Live, outcomes.Degraded, outcomes.Refused, outcomes.Cached));
        Assert.Equal((0, 0), (outcomes.Failed, outcomes.Unsent));
        Assert.Equal([200, 503], outcomes.ByStatus.Keys);
    }

    [Fact]
    public void A_stall_is_measured_in_every_request_that_it_delayed()
    {
        // Forty requests in a second over one connection, the first of which takes 500 ms: those scheduled meanwhile wait
        // 0 to 500 ms. Measured from when they were sent, only one of forty would be slow.
        Outcomes outcomes = Run(rate: 40, _ => Live, number => number == 0 ? 500 : 0);

        Assert.Equal(40, outcomes.Live);
        Assert.InRange(outcomes.MaxMs, 500, 900);
        Assert.InRange(outcomes.PercentileMs(75), 100, 800);
    }

    [Fact]
    public void A_broken_connection_is_a_failure_and_the_next_request_opens_another()
    {
        Outcomes outcomes = Run(rate: 20, number => number == 3 ? null : Live, _ => 0);

        Assert.Equal((19, 1), (outcomes.Live, outcomes.Failed));
    }

    /// <summary>One connection, one second.</summary>
    private static Outcomes Run(double rate, Func<int, string?> answer, Func<int, int> delayMs)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var url = new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");
        var server = new Thread(() => Serve(listener, answer, delayMs)) { IsBackground = true };
        server.Start();
        var outcomes = new Outcomes(TimeSpan.FromSeconds(1));
        new Drive(url, new RequestSource(url, [1], Scenario.Hot, 1), 1, rate, TimeSpan.FromSeconds(1), 1, outcomes).Run(TestContext.Current.CancellationToken);
        listener.Stop();
        server.Join();
        return outcomes;
    }

    private static void Serve(TcpListener listener, Func<int, string?> answer, Func<int, int> delayMs)
    {
        int number = 0;
        var request = new byte[4096];
        while (true)
        {
            try
            {
                using TcpClient client = listener.AcceptTcpClient();
                NetworkStream stream = client.GetStream();
                while (stream.Read(request) > 0)
                {
                    Thread.Sleep(delayMs(number));
                    if (answer(number++) is not { } text)
                    {
                        break;
                    }

                    stream.Write(Encoding.ASCII.GetBytes(text));
                }
            }
            catch (Exception e) when (e is SocketException or IOException or InvalidOperationException)
            {
                return; // the listener was stopped
            }
        }
    }
}

public sealed class RequestSourceTests
{
    private static readonly Uri Url = new("http://127.0.0.1:5081");

    [Fact]
    public void A_request_is_whole_and_plain_HTTP()
    {
        var source = new RequestSource(Url, [42], Scenario.Hot, seed: 1);

        Assert.Equal(
            "POST /recommend HTTP/1.1\r\nHost: 127.0.0.1:5081\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n{\"user_id\":42,\"k\":10}",
            Encoding.ASCII.GetString(source.Next(new Random(1))));
    }

    [Fact]
    public void Cold_requests_go_through_all_cold_users_with_ten_before_any_other_number_and_never_repeat()
    {
        // Two of the six users can be hot; the other four are cold.
        var source = new RequestSource(Url, [1, 2, 3, 4, 5, 6], Scenario.Cold, seed: 3);
        var random = new Random(1);

        string[] bodies = [.. Enumerable.Range(0, 12).Select(_ => Body(source.Next(random)))];

        Assert.Equal(12, bodies.Distinct().Count());
        Assert.All(bodies[..4], body => Assert.EndsWith("\"k\":10}", body, StringComparison.Ordinal));
        Assert.All(bodies[4..8], body => Assert.EndsWith("\"k\":11}", body, StringComparison.Ordinal));
        Assert.Equal(4 * 91, source.ColdCapacity);
    }

    [Fact]
    public void Seven_in_ten_requests_of_the_mix_are_of_hot_users_who_are_never_cold()
    {
        var source = new RequestSource(Url, [.. Enumerable.Range(0, 5000)], Scenario.Mix, seed: 5);
        var random = new Random(1);
        HashSet<string> hot = [.. source.EveryHot.Select(Body)];

        string[] bodies = [.. Enumerable.Range(0, 10_000).Select(_ => Body(source.Next(random)))];

        Assert.Equal(1000, hot.Count);
        Assert.InRange(bodies.Count(hot.Contains), 6850, 7150);
        Assert.Equal(source.ColdsSent, bodies.Count(body => !hot.Contains(body)));
    }

    private static string Body(byte[] request) => Encoding.ASCII.GetString(request).Split("\r\n\r\n")[1];
}
