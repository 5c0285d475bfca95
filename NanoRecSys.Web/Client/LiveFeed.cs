using System.Diagnostics;

namespace NanoRecSys.Web.Client;

/// <summary>
/// One poll of the API shared by every open page: it runs while somebody looks, so the API's load does not
/// grow with the number of viewers. It goes on whatever fails: every open page depends on it.
/// </summary>
/// <param name="read">Brings the next value.</param>
/// <param name="pause">Between the end of one read and the start of the next, by what was read.</param>
/// <param name="time">Waits.</param>
/// <param name="logger">Gets the unexpected failures.</param>
public sealed class LiveFeed<T>(
    Func<CancellationToken, Task<T>> read, Func<Reading<T>, TimeSpan> pause, TimeProvider time, ILogger? logger = null)
    where T : class
{
    private readonly Lock _lock = new();
    private readonly List<Action<Reading<T>>> _viewers = [];
    private Action? _stop; // Not null while it polls.

    public Reading<T> Latest { get; private set; } = new();

    /// <summary>Calls the viewer with each reading from now on, until the subscription is disposed.</summary>
    public IDisposable Subscribe(Action<Reading<T>> viewer)
    {
        lock (_lock)
        {
            _viewers.Add(viewer);
            if (_stop is null)
            {
                Latest = new Reading<T>(); // What was known when the last viewer left is old.
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
        Activity.Current = null; // what a viewer asks for when a reading arrives does not belong to the page that polled first
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
            // Nobody looks any more.
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
