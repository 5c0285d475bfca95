namespace NanoRecSys.Web.Client;

/// <summary>What a panel shows of the API: the answer to its newest question. Asking again drops what was asked before.</summary>
public sealed class LatestAnswer<T> : IDisposable
    where T : class
{
    private CancellationTokenSource _current = new();

    /// <summary>The last answer that came; it stays while the next is on its way, so that a panel does not empty itself.</summary>
    public T? Value { get; private set; }

    /// <summary>Why the newest question brought nothing; null otherwise.</summary>
    public string? Failure { get; private set; }

    public bool Loading { get; private set; }

    /// <returns>Whether the answer came; false too where another question took its place.</returns>
    public async Task<bool> AskAsync(Func<CancellationToken, Task<T>> ask)
    {
        CancellationTokenSource mine = Replace();
        (Loading, Failure) = (true, null);
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
            (Failure, Loading) = (e.Message, false);
        }
        catch (Exception e) when (e is ApiException or OperationCanceledException)
        {
            // Nobody waits for it any more.
        }

        return false;
    }

    /// <summary>Back to the state before the first question.</summary>
    public void Clear()
    {
        Replace();
        (Value, Failure, Loading) = (null, null, false);
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
