using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Status;

/// <summary>What this process has answered since it started.</summary>
public sealed class RequestCounters
{
    private long _requests;
    private long _cacheHits;
    private long _cacheMisses;
    private long _cacheErrors;
    private long _errors;

    public long CacheErrors => Interlocked.Read(ref _cacheErrors);

    public void CountRequest() => Interlocked.Increment(ref _requests);

    public void CountCacheLookup(bool hit) => Interlocked.Increment(ref hit ? ref _cacheHits : ref _cacheMisses);

    public void CountCacheError() => Interlocked.Increment(ref _cacheErrors);

    public void CountError() => Interlocked.Increment(ref _errors);

    public RequestStats Read() => new(
        Interlocked.Read(ref _requests), Interlocked.Read(ref _cacheHits), Interlocked.Read(ref _cacheMisses),
        CacheErrors, Interlocked.Read(ref _errors));
}
