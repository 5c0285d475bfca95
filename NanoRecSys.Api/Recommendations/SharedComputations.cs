using System.Collections.Concurrent;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Requests for the same answer at the same time: one computes, the others take what it found.</summary>
public sealed class SharedComputations
{
    private readonly ConcurrentDictionary<string, Task<Computed>> _running = new(StringComparer.Ordinal);

    /// <param name="key">Everything that the answer depends on.</param>
    /// <param name="compute">Called where nobody computes it yet.</param>
    /// <param name="wait">Called around another request's computation.</param>
    public async Task<Computed> RunAsync(string key, Func<Task<Computed>> compute, Func<Task<Computed>, Task<Computed>> wait)
    {
        ArgumentNullException.ThrowIfNull(compute);
        ArgumentNullException.ThrowIfNull(wait);
        var mine = new TaskCompletionSource<Computed>(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<Computed> running = _running.GetOrAdd(key, mine.Task);
        if (running != mine.Task)
        {
            return await wait(running);
        }

        try
        {
            Computed computed = await compute();
            mine.SetResult(computed);
            return computed;
        }
        catch (Exception e)
        {
            mine.SetException(e);
            _ = mine.Task.Exception; // seen: nobody may have waited for it
            throw;
        }
        finally
        {
            _running.TryRemove(key, out _);
        }
    }
}
