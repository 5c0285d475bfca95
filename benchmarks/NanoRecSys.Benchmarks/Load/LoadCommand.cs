using System.Net.Http.Json;
using System.Net.Sockets;
using HdrHistogram;

namespace NanoRecSys.Benchmarks.Load;

/// <summary>The command <c>load</c>: drives a running API.</summary>
internal static class LoadCommand
{
    private const int ClosedConnections = 8;
    private const int OpenConnections = 256;
    private const int ProbeConnections = 32; // enough to find the capacity
    private static readonly TimeSpan LongestProbe = TimeSpan.FromSeconds(10);

    public static Command Create()
    {
        Option<Uri> url = ApiAddress.CreateOption();
        Option<Scenario> scenario = new("--scenario")
        {
            Description = "cold: no request repeats; hot: requests of a thousand users, repeated; mix: 70% hot, 30% cold.",
            DefaultValueFactory = _ => Scenario.Mix,
        };
        Option<double> warmUp = new("--warm-up") { Description = "Seconds of warm-up, not measured.", DefaultValueFactory = _ => 5 };
        Option<double> duration = new("--duration") { Description = "Seconds measured.", DefaultValueFactory = _ => 10 };
        Option<int?> concurrency = new("--concurrency")
        {
            Description = "Connections; default: 8 that each send one request after the other, or with a rate, at most 256 that share the schedule.",
        };
        Option<double?> rate = new("--rate")
        {
            Description = "Requests per second sent on schedule, regardless of outstanding answers; latency counts from the scheduled time.",
        };
        Option<double?> rateOfCapacity = new("--rate-of-capacity")
        {
            Description = "Instead of --rate: share of the throughput of a run without a schedule, which is measured first. 0.5 is half the load, 2 twice the capacity.",
        };
        Option<int> seed = new("--seed")
        {
            Description = "Seed of the users' order and of the first cold request; default: a new one each time, so that runs rarely hit each other's cached answers.",
            DefaultValueFactory = _ => Environment.TickCount & int.MaxValue,
        };
        Option<string?> folder = new("--out") { Description = "Folder for SCENARIO.json and SCENARIO.png (latency over time)." };
        Command command = new("load", "Latency and throughput of /recommend on a running API.")
        {
            url, scenario, warmUp, duration, concurrency, rate, rateOfCapacity, seed, folder,
        };
        command.SetAction((parsed, cancellationToken) =>
        {
            double? share = parsed.GetValue(rateOfCapacity);
            bool isOpen = share is not null || parsed.GetValue(rate) is not null;
            return RunAsync(
                new LoadOptions(
                    parsed.GetValue(url)!, parsed.GetValue(scenario), TimeSpan.FromSeconds(parsed.GetValue(warmUp)), TimeSpan.FromSeconds(parsed.GetValue(duration)),
                    parsed.GetValue(concurrency) ?? (isOpen ? OpenConnections : ClosedConnections), parsed.GetValue(rate), share,
                    parsed.GetValue(seed), parsed.GetValue(folder), parsed.GetValue(JsonLine.Option)),
                cancellationToken);
        });
        return command;
    }

    private static async Task<int> RunAsync(LoadOptions options, CancellationToken cancellationToken)
    {
        using HttpClient http = new() { BaseAddress = options.Url };
        EntityId[] users;
        try
        {
            users = await Users.AllAsync(http, cancellationToken);
        }
        catch (HttpRequestException e)
        {
            await Console.Error.WriteLineAsync($"{options.Url} does not list its users: {e.Message}");
            return 1;
        }

        if (users.Length == 0)
        {
            await Console.Error.WriteLineAsync($"{options.Url} has no users yet. Wait until its model is trained.");
            return 1;
        }

        RequestSource source = new(options.Url, users, options.Scenario, options.Seed);
        WarmUp(options, source, cancellationToken);
        double? capacity = options.RateOfCapacity is null ? null : Capacity(options, source, cancellationToken);
        double? rate = options.Rate ?? options.RateOfCapacity * capacity;
        Outcomes outcomes = new(options.Duration);
        using var self = Process.GetCurrentProcess();
        TimeSpan spent = self.TotalProcessorTime;
        Stopwatch clock = Stopwatch.StartNew();
        new Drive(options.Url, source, options.Concurrency, rate, options.Duration, options.Seed, outcomes).Run(cancellationToken);
        TimeSpan elapsed = clock.Elapsed;
        self.Refresh();
        var report = new LoadReport(options, rate, capacity, outcomes, elapsed, self.TotalProcessorTime - spent, await StagesAsync(http, options.Duration, cancellationToken))
        {
            ColdsRepeat = source.ColdsSent > source.ColdCapacity,
        };
        report.Print();
        report.Save();
        return outcomes.Failed == 0 ? 0 : 1;
    }

    // Every hot user once to warm the cache; then with the same schedule, or without one.
    private static void WarmUp(LoadOptions options, RequestSource source, CancellationToken cancellationToken)
    {
        using (var connection = new HttpConnection(options.Url))
        {
            foreach (byte[] request in source.EveryHot)
            {
                try
                {
                    connection.Ask(request);
                }
                catch (Exception e) when (e is SocketException or InvalidDataException)
                {
                    // The run itself counts failures.
                }
            }
        }

        new Drive(options.Url, source, options.Rate is null ? ProbeConnections : options.Concurrency, options.Rate, options.WarmUp, options.Seed + 1, new Outcomes(options.WarmUp)).Run(cancellationToken);
    }

    private static double Capacity(LoadOptions options, RequestSource source, CancellationToken cancellationToken)
    {
        TimeSpan duration = options.Duration < LongestProbe ? options.Duration : LongestProbe;
        Outcomes outcomes = new(duration);
        new Drive(options.Url, source, ProbeConnections, rate: null, duration, options.Seed + 2, outcomes).Run(cancellationToken);
        return outcomes.Live / duration.TotalSeconds;
    }

    private static async Task<TelemetrySnapshot?> StagesAsync(HttpClient http, TimeSpan window, CancellationToken cancellationToken)
    {
        try
        {
            return await http.GetFromJsonAsync<TelemetrySnapshot>(
                $"/debug/telemetry?window={Math.Max(1, (int)window.TotalSeconds)}", WireJson.Options, cancellationToken);
        }
        catch (HttpRequestException)
        {
            return null; // another implementation of the contract, without stages
        }
    }
}

internal enum Scenario
{
    Mix, // 70% from a small set of users, whose answers repeat; 30% as in Cold
    Cold, // no request repeats
    Hot, // only the small set of users
}

/// <param name="WarmUp">Load before the measurement, not counted.</param>
/// <param name="Rate">Requests per second on schedule; null: each connection sends after its last answer.</param>
/// <param name="RateOfCapacity">Instead of <paramref name="Rate"/>: share of the throughput without a schedule.</param>
/// <param name="Out">Folder for the report and its plot, or null.</param>
/// <param name="Json">Whether to end with one line of JSON.</param>
internal sealed record LoadOptions(
    Uri Url, Scenario Scenario, TimeSpan WarmUp, TimeSpan Duration, int Concurrency, double? Rate, double? RateOfCapacity, int Seed, string? Out, bool Json);

/// <summary>
/// Sends over N connections, one thread each. Without a rate, each sends its next request when its last
/// one was answered (closed loop): the highest throughput, but flattering latencies. With a rate, requests have scheduled
/// times (open loop), any free connection takes the next one, and latency counts from the scheduled time, so that
/// a stall of the service shows in every request that it delayed (no coordinated omission).
/// </summary>
internal sealed class Drive(Uri url, RequestSource source, int connections, double? rate, TimeSpan duration, int seed, Outcomes outcomes)
{
    private const int Stack = 256 * 1024;

    // Requests not sent by then are only counted: on a service that is too slow, the run would never end.
    private static readonly TimeSpan Overtime = TimeSpan.FromSeconds(1);

    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly long _count = rate is { } perSecond ? (long)(duration.TotalSeconds * perSecond) : long.MaxValue;
    private long _taken;

    /// <summary>Blocks until every request is answered.</summary>
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
                Thread.Sleep((int)(at - elapsed).TotalMilliseconds); // whole milliseconds: never late, at most one early
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

/// <summary>Counts the responses, with latencies in microseconds up to a minute.</summary>
/// <param name="duration">Duration of the run; latencies are also kept per second.</param>
internal sealed class Outcomes(TimeSpan duration)
{
    private const int Digits = 3; // significant digits
    private const int DigitsOfASecond = 2;
    private const int Statuses = 600;
    private static readonly long Highest = TimeSpan.FromMinutes(1).Ticks / TimeSpan.TicksPerMicrosecond;

    private readonly LongConcurrentHistogram _live = new(1, Highest, Digits);
    private readonly LongConcurrentHistogram _degraded = new(1, Highest, Digits);
    private readonly LongConcurrentHistogram[] _bySecond =
        [.. Enumerable.Range(0, (int)Math.Ceiling(duration.TotalSeconds)).Select(_ => new LongConcurrentHistogram(1, Highest, DigitsOfASecond))];

    private readonly long[] _statuses = new long[Statuses];
    private long _failed;
    private long _cached;
    private long _unsent;

    public TimeSpan Duration => duration;
    public long Live => _live.TotalCount; // personalized answers, with status 200
    public long Degraded => _degraded.TotalCount; // popular movies, with status 200, as an overloaded service may answer
    public long Answered => Live + Degraded;
    public long Cached => Interlocked.Read(ref _cached);
    public long Refused => Interlocked.Read(ref _statuses[503]); // 503: the service is overloaded or not ready
    public long Failed => Interlocked.Read(ref _failed); // broken connections, and every status that is neither 200 nor 503
    public long Unsent => Interlocked.Read(ref _unsent); // scheduled, but never sent: all connections were waiting until the end

    public IReadOnlyDictionary<int, long> ByStatus => Enumerable.Range(0, Statuses)
        .Where(status => _statuses[status] > 0)
        .ToDictionary(status => status, status => Interlocked.Read(ref _statuses[status]));

    /// <param name="at">Scheduled time since the start of the run.</param>
    public void Add(Reply reply, TimeSpan latency, TimeSpan at)
    {
        Interlocked.Increment(ref _statuses[Math.Min(reply.Status, Statuses - 1)]);
        if (reply.Status == 200)
        {
            long microseconds = Math.Clamp((long)latency.TotalMicroseconds, 1, Highest);
            (reply.Degraded ? _degraded : _live).RecordValue(microseconds);
            _bySecond[Math.Clamp((int)at.TotalSeconds, 0, _bySecond.Length - 1)].RecordValue(microseconds);
            Interlocked.Add(ref _cached, reply.Cached ? 1 : 0);
        }
        else if (reply.Status != 503)
        {
            AddFailure();
        }
    }

    public void AddFailure() => Interlocked.Increment(ref _failed);

    public void AddUnsent() => Interlocked.Increment(ref _unsent);

    /// <returns>Percentile of the personalized answers; 0 if there are none.</returns>
    public double PercentileMs(double percentile) => Percentile(_live, percentile);

    public double DegradedPercentileMs(double percentile) => Percentile(_degraded, percentile);

    public double MaxMs => Live == 0 ? 0 : _live.GetMaxValue() / 1000.0;

    /// <summary>For each second of the run: number of answers, and the given percentile of their latency.</summary>
    public double[] BySecondMs(double percentile) => [.. _bySecond.Select(second => Percentile(second, percentile))];

    public long[] AnsweredBySecond() => [.. _bySecond.Select(second => second.TotalCount)];

    private static double Percentile(LongConcurrentHistogram latencies, double percentile) =>
        latencies.TotalCount == 0 ? 0 : latencies.GetValueAtPercentile(percentile) / 1000.0;
}
