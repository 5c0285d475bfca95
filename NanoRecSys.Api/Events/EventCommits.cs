using StackExchange.Redis;

namespace NanoRecSys.Api.Events;

/// <summary>
/// Runs the transactions that change a user's events, and waits until <see cref="EventOptions.WaitForReplicas"/> Redis replicas have them. WAIT blocks
/// its connection, so these transactions use a separate one, where they run one after the other and no request queues behind them.
/// </summary>
internal sealed class EventCommits(IOptions<EventOptions> options, StoreHealth health, IConnectionMultiplexer? redis = null) : IDisposable
{
    private const int WaitMilliseconds = 300;
    private const int CommandMilliseconds = 2000; // longer than several waits

    private readonly Lazy<ConnectionMultiplexer> _waiting = new(() => RedisConnection.Connect(redis!.Configuration, CommandMilliseconds));

    public bool Waits => options.Value.WaitForReplicas > 0;

    public ITransaction Begin() => (Waits ? _waiting.Value : redis!).GetDatabase().CreateTransaction();

    /// <param name="transaction">Returned by <see cref="Begin"/>.</param>
    /// <param name="key">One of the keys it changes.</param>
    /// <exception cref="EventStoreException">The transaction was executed, but too few replicas confirmed it in time.</exception>
    public async Task CommitAsync(ITransaction transaction, RedisKey key)
    {
        if (!Waits)
        {
            await transaction.ExecuteAsync();
            return;
        }

        // Directly after the transaction and on the same connection: on another one WAIT would have nothing to wait for. HLEN fails on a node that does not
        // own the key: during a failover the client may have chosen another node for the transaction.
        IServer node = _waiting.Value.GetServer(key);
        Task executed = transaction.ExecuteAsync();
        Task<RedisResult> waited = node.ExecuteAsync("WAIT", options.Value.WaitForReplicas, WaitMilliseconds);
        Task owned = node.ExecuteAsync("HLEN", [(string)key!], CommandFlags.NoRedirect);
        await Task.WhenAll(executed, waited, owned);
        int confirmed = (int)await waited;
        if (confirmed < options.Value.WaitForReplicas)
        {
            string reason = $"{confirmed} of {options.Value.WaitForReplicas} replicas confirmed it within {WaitMilliseconds} ms";
            health.ReportRefusal(reason, isRefused: false);
            throw new EventStoreException(
                $"The store has the request, but {reason}: it may be lost. Send it again with the same keys and timestamps; nothing is stored twice.");
        }
    }

    public void Dispose()
    {
        if (_waiting.IsValueCreated)
        {
            _waiting.Value.Dispose();
        }
    }
}
