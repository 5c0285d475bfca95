using System.Diagnostics;

namespace NanoRecSys.Benchmarks.Load;

/// <summary>
/// Requests leave on a schedule and latency counts from the scheduled time, so that a stall of the service
/// shows in every request it delayed (no coordinated omission).
/// </summary>
internal static class OpenLoop
{
    public static async Task RunAsync(
        HttpClient http, RequestSource source, double rate, TimeSpan duration, Outcomes outcomes, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        double ticksPerRequest = Stopwatch.Frequency / rate;
        long count = (long)(duration.TotalSeconds * rate);
        var pending = new List<Task>();
        for (long i = 0; i < count; i++)
        {
            long scheduled = start + (long)(i * ticksPerRequest);
            TimeSpan wait = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), scheduled);
            if (wait > TimeSpan.FromMilliseconds(1))
            {
                await Task.Delay(wait, cancellationToken);
            }

            pending.Add(RecommendCall.SendAsync(http, source.Next(), scheduled, outcomes, cancellationToken));
        }

        await Task.WhenAll(pending);
    }
}
