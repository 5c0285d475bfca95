using System.Diagnostics;
using NanoRecSys.Core.Artifacts;

namespace NanoRecSys.Web.Client;

/// <summary>
/// One poll of the API shared by all open pages: it runs while there is a viewer, so the API's load does not
/// grow with the number of viewers. It survives every failure, because every open page depends on it.
/// </summary>
/// <param name="pause">Time from the end of one read to the start of the next, depending on the reading.</param>
public sealed class LiveFeed<T>(
    Func<CancellationToken, Task<T>> read, Func<Reading<T>, TimeSpan> pause, TimeProvider time, ILogger? logger = null)
    where T : class
{
    private readonly Lock _lock = new();
    private readonly List<Action<Reading<T>>> _viewers = [];
    private Action? _stop; // null unless polling

    public Reading<T> Latest { get; private set; } = new();

    /// <summary>Calls the viewer with each reading until the subscription is disposed.</summary>
    public IDisposable Subscribe(Action<Reading<T>> viewer)
    {
        lock (_lock)
        {
            _viewers.Add(viewer);
            if (_stop is null)
            {
                Latest = new Reading<T>(); // the reading from before the last viewer left is stale
                var polling = new CancellationTokenSource();
                _stop = polling.Cancel;
                _ = PollAsync(polling);
            }
        }

        return new Subscription(() => Unsubscribe(viewer));
    }

    private void Unsubscribe(Action<Reading<T>> viewer)
    {
        lock (_lock)
        {
            _viewers.Remove(viewer);
            if (_viewers.Count == 0)
            {
                _stop?.Invoke();
                _stop = null;
            }
        }
    }

    private async Task PollAsync(CancellationTokenSource polling)
    {
        Activity.Current = null; // a viewer's calls after a reading do not belong to the page that started the polling
        CancellationToken cancellation = polling.Token;
        try
        {
            while (true)
            {
                Publish(await ReadAsync(cancellation), cancellation);
                await Task.Delay(pause(Latest), time, cancellation);
            }
        }
        catch (OperationCanceledException)
        {
            // No viewer is left.
        }
    }

    private async Task<Reading<T>> ReadAsync(CancellationToken cancellation)
    {
        WebTracing.StopTracing();
        try
        {
            return new Reading<T>(await read(cancellation), null);
        }
        catch (ApiException e)
        {
            return Latest with { Failure = e };
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            logger?.LogError(e, "A poll for {Value} failed", typeof(T).Name);
            return Latest with { Failure = new ApiException(ApiFailure.Refused, $"The API could not be asked: {e.Message}", e) };
        }
    }

    private void Publish(Reading<T> reading, CancellationToken cancellation)
    {
        Action<Reading<T>>[] viewers;
        lock (_lock)
        {
            cancellation.ThrowIfCancellationRequested();
            Latest = reading;
            viewers = [.. _viewers];
        }

        foreach (Action<Reading<T>> viewer in viewers)
        {
            try
            {
                viewer(reading);
            }
            catch (Exception e)
            {
                logger?.LogError(e, "A page could not show a new {Value}", typeof(T).Name); // the others can
            }
        }
    }

    private sealed class Subscription(Action end) : IDisposable
    {
        private Action? _end = end;

        public void Dispose() => Interlocked.Exchange(ref _end, null)?.Invoke();
    }
}

/// <summary>A feed's state: the last value, and the failure if there is no newer one.</summary>
/// <param name="Value">Null before the first value.</param>
/// <param name="Failure">Null when the last read succeeded.</param>
public sealed record Reading<T>(T? Value = null, ApiException? Failure = null)
    where T : class;

/// <summary>The live data of the pages.</summary>
public sealed class Feeds(IServiceProvider services, TimeProvider time, ILogger<Feeds>? logger = null)
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Unhurried = TimeSpan.FromSeconds(5);

    public static IReadOnlyList<int> Windows { get; } = [1, 5, 30]; // of the telemetry page, in minutes

    /// <summary>Every second: pages must report a silent API within three.</summary>
    public LiveFeed<Readiness> Readiness { get; } = new(
        new ReadinessWatch(cancellation => Client(services).ReadinessAsync(cancellation), time, logger).ReadAsync, _ => Second, time, logger);

    /// <summary>Every second while a training runs.</summary>
    public LiveFeed<TrainingStatus> Training { get; } = new(
        cancellation => Client(services).TrainingAsync(cancellation),
        reading => reading.Value?.Events is [.., { State: not ProgressEvent.Running }] ? Unhurried : Second,
        time, logger);

    /// <summary>Summaries of the runs, which change at most once per epoch.</summary>
    public LiveFeed<TrainingRuns> Runs { get; } = new(
        cancellation => Client(services).RunsAsync(cancellation), _ => Unhurried, time, logger);

    /// <summary>The versions, read often enough to see a change happen.</summary>
    public LiveFeed<ModelList> Models { get; } = new(
        cancellation => Client(services).ModelsAsync(cancellation), _ => Second, time, logger);

    /// <summary>Which recommended items users took.</summary>
    public LiveFeed<OutcomeReport> Outcomes { get; } = new(
        cancellation => Client(services).OutcomesAsync(cancellation), _ => Unhurried, time, logger);

    public LiveFeed<SystemView> System { get; } = new(
        cancellation => SystemView.ReadAsync(Client(services), cancellation), _ => Unhurried, time, logger);

    private readonly Dictionary<int, LiveFeed<TelemetrySnapshot>> _telemetry = Windows.ToDictionary(
        minutes => minutes,
        minutes => new LiveFeed<TelemetrySnapshot>(
            cancellation => Client(services).TelemetryAsync(60 * minutes, cancellation), _ => Second, time, logger));

    /// <param name="minutes">One of <see cref="Windows"/>.</param>
    public LiveFeed<TelemetrySnapshot> Telemetry(int minutes) => _telemetry[minutes];

    // A client per read, so that its handler is renewed as the factory intends.
    private static RecommenderClient Client(IServiceProvider services) => services.GetRequiredService<RecommenderClient>();
}

/// <summary>Adds the time at which the API went away, and logs each change once instead of every failed poll.</summary>
public sealed class ReadinessWatch(Func<CancellationToken, Task<Readiness>> ask, TimeProvider time, ILogger? logger = null)
{
    private DateTimeOffset? _awaySince;

    public async Task<Readiness> ReadAsync(CancellationToken cancellation)
    {
        Readiness reading = await ask(cancellation);
        if (reading.State != ReadinessState.Away)
        {
            if (_awaySince is { } since)
            {
                logger?.LogInformation("The API answers again, after {Seconds:0} s", (time.GetUtcNow() - since).TotalSeconds);
                _awaySince = null;
            }

            return reading;
        }

        if (_awaySince is null)
        {
            _awaySince = time.GetUtcNow();
            logger?.LogWarning("{Problem} Asking every second", string.Join(" ", reading.Problems));
        }

        return reading with { AwaySince = _awaySince };
    }
}

/// <summary>The answer of <c>GET /readyz</c>, or that there is none.</summary>
/// <param name="State">Away, without a model, or ready.</param>
/// <param name="Problems">The API's errors and warnings if it is not ready.</param>
/// <param name="AwaySince">Null if it answers.</param>
public sealed record Readiness(ReadinessState State, StatusDocument? Status, IReadOnlyList<string> Problems, DateTimeOffset? AwaySince = null);

public enum ReadinessState
{
    Away,
    NotReady,
    Ready,
}

/// <summary>The status document, the API's process, and the served version's manifest; null before the first model.</summary>
public sealed record SystemView(StatusDocument Status, HostReport Host, Manifest? Manifest)
{
    public static async Task<SystemView> ReadAsync(RecommenderClient client, CancellationToken cancellation)
    {
        StatusDocument status = await client.StatusAsync(cancellation);
        return new SystemView(status, await client.HostAsync(cancellation), status.Version is null ? null : await client.CurrentModelAsync(cancellation));
    }
}
