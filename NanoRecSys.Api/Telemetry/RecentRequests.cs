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
        long seen = 0;
        return ReadNew(ref seen, kept);
    }

    /// <summary>The newest of what was added since, newest first.</summary>
    /// <param name="seen">How many had been added the last time; 0 at first.</param>
    /// <param name="most">No more than these.</param>
    public RequestTrace[] ReadNew(ref long seen, int most)
    {
        long written = Interlocked.Read(ref _written);
        long added = written - seen;
        seen = written;
        return [.. Enumerable.Range(1, (int)Math.Min(added, Math.Min(kept, most)))
            .Select(back => Volatile.Read(ref _traces[(written - back) % kept]))
            .OfType<RequestTrace>()]; // a place that was taken and is not written yet is left out
    }
}
