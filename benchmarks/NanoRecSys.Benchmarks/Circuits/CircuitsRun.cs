using System.Diagnostics;

namespace NanoRecSys.Benchmarks.Circuits;

/// <summary>Opens the circuits a few at a time, lets them look, and has each follow a link there and back.</summary>
internal static class CircuitsRun
{
    private const int OpenedAtOnce = 8;
    private const string Elsewhere = "/system";
    private static readonly TimeSpan BetweenPings = TimeSpan.FromSeconds(10);

    public static async Task<int> RunAsync(CircuitsOptions options, CancellationToken cancellation)
    {
        using HttpClient http = new() { BaseAddress = options.Url };
        double before = MemoryMiB(options.ProcessId);
        List<Circuit> circuits = [];
        List<double> opened = [], followed = [];
        try
        {
            foreach (int[] some in Enumerable.Range(0, options.Count).Chunk(OpenedAtOnce))
            {
                foreach ((Circuit circuit, double ms) in await Task.WhenAll(some.Select(_ => OpenAsync(http, options.Path, cancellation))))
                {
                    circuits.Add(circuit);
                    opened.Add(ms);
                }
            }

            (long batches, long bytes) = (circuits.Sum(circuit => circuit.Batches), circuits.Sum(circuit => circuit.Bytes));
            long began = Stopwatch.GetTimestamp();
            await HoldAsync(circuits, options.Hold, cancellation);
            double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            double during = MemoryMiB(options.ProcessId);
            double batchesEach = (circuits.Sum(circuit => circuit.Batches) - batches) / seconds / options.Count;
            double bytesEach = (circuits.Sum(circuit => circuit.Bytes) - bytes) / seconds / options.Count;
            // One after the other: what somebody waits while all the others look.
            foreach (Circuit circuit in circuits.Where(circuit => circuit.Failure is null))
            {
                followed.Add((await circuit.NavigateAsync(Elsewhere, cancellation)).TotalMilliseconds);
            }

            var report = new CircuitsReport(
                options, before, during, opened, followed, circuits.Count(circuit => circuit.Failure is not null), batchesEach, bytesEach);
            report.Print(circuits.Select(circuit => circuit.Failure).FirstOrDefault(failure => failure is not null));
            return report.Failed == 0 ? 0 : 1;
        }
        finally
        {
            foreach (Circuit circuit in circuits)
            {
                await circuit.DisposeAsync();
            }
        }
    }

    private static async Task<(Circuit Circuit, double Ms)> OpenAsync(HttpClient http, string path, CancellationToken cancellation)
    {
        long began = Stopwatch.GetTimestamp();
        Circuit circuit = await Circuit.OpenAsync(http, path, cancellation);
        return (circuit, Stopwatch.GetElapsedTime(began).TotalMilliseconds);
    }

    private static async Task HoldAsync(List<Circuit> circuits, TimeSpan duration, CancellationToken cancellation)
    {
        for (TimeSpan left = duration; left > TimeSpan.Zero; left -= BetweenPings)
        {
            await Task.WhenAll(circuits.Where(circuit => circuit.Failure is null).Select(circuit => circuit.PingAsync()));
            await Task.Delay(left < BetweenPings ? left : BetweenPings, cancellation);
        }
    }

    // The resident set, as the system counts it; 0 where it is not asked for.
    private static double MemoryMiB(int? process) => process is not { } id || !File.Exists($"/proc/{id}/status") ? 0
        : double.Parse(File.ReadLines($"/proc/{id}/status").First(line => line.StartsWith("VmRSS", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
            System.Globalization.CultureInfo.InvariantCulture) / 1024;
}
