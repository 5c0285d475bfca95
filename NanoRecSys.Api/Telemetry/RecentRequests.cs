using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Telemetry;

/// <summary>The last requests, whoever answered them; a writer takes the next place and waits for nobody.</summary>
internal sealed class RecentRequests(int kept)
{
    private readonly RequestTrace?[] _traces = new RequestTrace?[kept];
    private long _written;

    public void Add(RequestTrace trace) => Volatile.Write(ref _traces[(Interlocked.Increment(ref _written) - 1) % kept], trace);

    /// <summary>Newest first.</summary>
    public RequestTrace[] Read()
    {
        long written = Interlocked.Read(ref _written);
        return [.. Enumerable.Range(1, (int)Math.Min(kept, written))
            .Select(back => Volatile.Read(ref _traces[(written - back) % kept]))
            .OfType<RequestTrace>()]; // a place that was taken and is not written yet is left out
    }
}
