using System.Collections.Concurrent;
using System.Diagnostics;

namespace NanoRecSys.Web.Client;

/// <summary>The pages' last calls, so that a request's waterfall can show their waiting time.</summary>
public sealed class ApiCalls
{
    private const int Kept = 500;

    private readonly ConcurrentDictionary<string, ApiCall> _byRequest = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _order = [];

    public void Add(string requestId, ApiCall call)
    {
        if (!_byRequest.TryAdd(requestId, call))
        {
            return;
        }

        _order.Enqueue(requestId);
        while (_order.Count > Kept && _order.TryDequeue(out string? oldest))
        {
            _byRequest.TryRemove(oldest, out _);
        }
    }

    /// <returns>Null for an old request, or another program's.</returns>
    public ApiCall? Find(string requestId) => _byRequest.GetValueOrDefault(requestId);
}

public sealed record ApiCall(DateTimeOffset Started, double DurationMs);

/// <summary>Traces each call that a visitor causes, and times POST requests.</summary>
internal sealed class ApiCallTimer(ApiCalls calls, TimeProvider time) : DelegatingHandler
{
    private const string RequestIdHeader = "X-Request-Id";

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using Activity? span = WebTracing.StartCall(request.RequestUri);
        if (request.Method != HttpMethod.Post)
        {
            return await base.SendAsync(request, cancellationToken);
        }

        DateTimeOffset started = time.GetUtcNow();
        long began = time.GetTimestamp();
        HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
        if (response.Headers.TryGetValues(RequestIdHeader, out IEnumerable<string>? ids))
        {
            calls.Add(ids.First(), new ApiCall(started, time.GetElapsedTime(began).TotalMilliseconds));
        }

        return response;
    }
}

/// <summary>Makes each visitor's action one trace, and keeps polls out of the traces.</summary>
internal static class WebTracing
{
    private const string Poll = "poll";

    private static readonly ActivitySource Source = new("NanoRecSys.Web");

    /// <summary>
    /// Excludes everything that the current asynchronous method does from traces, also in the API: otherwise each poll would be a trace,
    /// or all polls would join the trace of the page that started them.
    /// </summary>
    public static void StopTracing()
    {
        Activity.Current = null;
        new Activity(Poll) { ActivityTraceFlags = ActivityTraceFlags.None }.SetIdFormat(ActivityIdFormat.W3C).Start();
    }

    /// <summary>Starts the span of a call to the API: under the page being rendered on the server, otherwise as a separate trace.</summary>
    /// <returns>Null without a listener, or for a poll.</returns>
    public static Activity? StartCall(Uri? address)
    {
        Activity? current = Activity.Current;
        if (!Source.HasListeners() || current?.OperationName == Poll)
        {
            return null;
        }

        // A circuit's connection is not traced, and a child of an untraced activity would not be either.
        Activity.Current = current is { Recorded: true } ? current : null;
        return Source.StartActivity(address?.AbsolutePath.Split('/')[1] ?? "");
    }
}
