using System.Diagnostics;

namespace NanoRecSys.Benchmarks.Load;

/// <summary>Each of C workers sends its next request when its last was answered: the highest throughput, flattering latencies.</summary>
internal static class ClosedLoop
{
    public static Task RunAsync(
        HttpClient http, RequestSource source, int concurrency, TimeSpan duration, Outcomes outcomes, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        return Task.WhenAll(Enumerable.Range(0, concurrency).Select(_ => Task.Run(WorkAsync, cancellationToken)));

        async Task WorkAsync()
        {
            while (Stopwatch.GetElapsedTime(start) < duration)
            {
                await RecommendCall.SendAsync(http, source.Next(), Stopwatch.GetTimestamp(), outcomes, cancellationToken);
            }
        }
    }
}
