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
