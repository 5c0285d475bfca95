namespace NanoRecSys.Api.Telemetry;

/// <summary>Counts of this process since it started; errors are counted in the telemetry window, too.</summary>
internal sealed class RequestCounters(TelemetryWindow window)
{
    private long _requests;
    private long _cacheHits;
    private long _cacheMisses;
    private long _cacheErrors;
    private long _errors;

    public long CacheErrors => Interlocked.Read(ref _cacheErrors);

    public void CountRequest() => Interlocked.Increment(ref _requests);

    public void CountCacheLookup(bool hit) => Interlocked.Increment(ref hit ? ref _cacheHits : ref _cacheMisses);

    public void CountCacheError()
    {
        Interlocked.Increment(ref _cacheErrors);
        window.CountError(ErrorKinds.Cache);
    }

    public void CountModelError()
    {
        Interlocked.Increment(ref _errors);
        window.CountError(ErrorKinds.Model);
    }

    /// <summary>A request was answered with an internal error; <see cref="ErrorCounting"/> counts it for the window.</summary>
    public void CountServerError() => Interlocked.Increment(ref _errors);

    public RequestStats Read() => new(
        Interlocked.Read(ref _requests), Interlocked.Read(ref _cacheHits), Interlocked.Read(ref _cacheMisses),
        CacheErrors, Interlocked.Read(ref _errors));
}
