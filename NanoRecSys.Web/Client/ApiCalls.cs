using System.Collections.Concurrent;

namespace NanoRecSys.Web.Client;

/// <summary>The last calls that these pages made, so that a request's waterfall can show what they waited for.</summary>
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

    /// <returns>Null where another program asked, or long ago.</returns>
    public ApiCall? Find(string requestId) => _byRequest.GetValueOrDefault(requestId);
}

/// <param name="Started">When it was sent.</param>
/// <param name="DurationMs">Until its answer began.</param>
public sealed record ApiCall(DateTimeOffset Started, double DurationMs);
