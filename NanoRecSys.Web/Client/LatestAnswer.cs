namespace NanoRecSys.Web.Client;

/// <summary>The answer to a panel's newest request. A new request cancels the previous one.</summary>
public sealed class LatestAnswer<T> : IDisposable
    where T : class
{
    private CancellationTokenSource _current = new();

    public T? Value { get; private set; } // the last answer, kept while the next one is loading so that the panel does not go empty
    public string? Failure { get; private set; } // why the newest request failed; null otherwise
    public bool IsNotFound { get; private set; } // whether it failed with 404, so that retrying does not help
    public bool Loading { get; private set; }

    /// <returns>Whether it succeeded; false also if a newer request replaced it.</returns>
    public async Task<bool> AskAsync(Func<CancellationToken, Task<T>> ask)
    {
        CancellationTokenSource mine = Replace();
        (Loading, Failure, IsNotFound) = (true, null, false);
        try
        {
            T value = await ask(mine.Token);
            if (ReferenceEquals(mine, _current))
            {
                (Value, Loading) = (value, false);
                return true;
            }
        }
        catch (ApiException e) when (ReferenceEquals(mine, _current))
        {
            (Failure, IsNotFound, Loading) = (e.Message, e.Failure == ApiFailure.NotFound, false);
        }
        catch (Exception e) when (e is ApiException or OperationCanceledException)
        {
            // A newer request replaced it.
        }

        return false;
    }

    public void Clear()
    {
        Replace();
        (Value, Failure, IsNotFound, Loading) = (null, null, false, false);
    }

    public void Dispose()
    {
        _current.Cancel();
        _current.Dispose();
    }

    private CancellationTokenSource Replace()
    {
        Dispose();
        return _current = new CancellationTokenSource();
    }
}
