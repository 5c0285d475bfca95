using System.Diagnostics;
using System.Net.Sockets;

namespace NanoRecSys.Benchmarks.Load;

/// <summary>
/// Sends for a while over so many connections, each a thread. Without a rate each sends its next request when its last
/// was answered (closed loop): the highest throughput, flattering latencies. With one, requests have times to be sent
/// at (open loop), whichever connection is free takes the next, and latency counts from the scheduled time, so that
/// a stall of the service shows in every request that it delayed (no coordinated omission).
/// </summary>
internal sealed class Drive(Uri url, RequestSource source, int connections, double? rate, TimeSpan duration, int seed, Outcomes outcomes)
{
    private const int Stack = 256 * 1024;

    // What could not be sent by then is counted, not sent: the run would never end on a service that is too slow.
    private static readonly TimeSpan Overtime = TimeSpan.FromSeconds(1);

    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly long _count = rate is { } perSecond ? (long)(duration.TotalSeconds * perSecond) : long.MaxValue;
    private long _taken;

    /// <summary>Blocks until all is answered.</summary>
    public void Run(CancellationToken cancellationToken)
    {
        Thread[] threads = [.. Enumerable.Range(0, connections).Select(worker => new Thread(() => Work(worker, cancellationToken), Stack) { IsBackground = true })];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
    }

    private void Work(int worker, CancellationToken cancellationToken)
    {
        using var connection = new HttpConnection(url);
        var random = new Random(HashCode.Combine(seed, worker));
        while (!cancellationToken.IsCancellationRequested && Interlocked.Increment(ref _taken) is var number && number <= _count)
        {
            TimeSpan elapsed = Stopwatch.GetElapsedTime(_start);
            TimeSpan at = rate is { } perSecond ? TimeSpan.FromSeconds((number - 1) / perSecond) : elapsed;
            if (at >= duration)
            {
                return;
            }

            if (elapsed > duration + Overtime)
            {
                outcomes.AddUnsent();
                continue;
            }

            if (at - elapsed >= TimeSpan.FromMilliseconds(1))
            {
                Thread.Sleep((int)(at - elapsed).TotalMilliseconds); // whole ones: never late, at most one early
                elapsed = Stopwatch.GetElapsedTime(_start);
            }

            Send(connection, source.Next(random), at < elapsed ? at : elapsed);
        }
    }

    private void Send(HttpConnection connection, byte[] request, TimeSpan scheduled)
    {
        try
        {
            Reply reply = connection.Ask(request);
            outcomes.Add(reply, Stopwatch.GetElapsedTime(_start) - scheduled, scheduled);
        }
        catch (Exception e) when (e is SocketException or InvalidDataException)
        {
            outcomes.AddFailure();
        }
    }
}
