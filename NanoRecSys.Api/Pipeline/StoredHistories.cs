using StackExchange.Redis;

namespace NanoRecSys.Api.Pipeline;

/// <summary>What a user has seen, by the model and the store of events.</summary>
internal sealed class StoredHistories(EventStore store, Outages outages)
{
    public async ValueTask<History> ReadAsync(ServedCatalog catalog, EntityId userId) =>
        HistoryReader.ReadUser(catalog, userId, store.IsConfigured ? await ReadEventsAsync(userId) : UserEvents.None);

    private async Task<UserEvents> ReadEventsAsync(EntityId userId)
    {
        try
        {
            return await store.ReadAsync(userId, (await store.StateAsync(userId)).State);
        }
        catch (Exception e) when (e is RedisException or TimeoutException or InvalidDataException)
        {
            outages.ReportRedis(e);
            return store.Unread(userId);
        }
    }
}
