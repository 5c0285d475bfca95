using NanoRecSys.Api.Events;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Items;
using StackExchange.Redis;

namespace NanoRecSys.Api.Items;

/// <summary>
/// Movies that were added after the training: kept in Redis, and here as a list that is made again when one comes. What
/// another replica took is known within <see cref="LookInterval"/>.
/// </summary>
internal sealed class AddedMovies(StoreHealth health, ILogger<AddedMovies> logger, IConnectionMultiplexer? redis = null) : BackgroundService
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    private volatile IReadOnlyList<CatalogItem> _current = [];

    /// <summary>Oldest first; another list whenever one was added. Rows and counts are not theirs yet.</summary>
    public IReadOnlyList<CatalogItem> Current => _current;

    public bool Knows(int movieId) => _current.Any(item => item.MovieId == movieId);

    /// <returns>The movie as it is stored, and false where it was added before, with the same title: what is stored is never changed.</returns>
    /// <exception cref="EventStoreException">Redis is away, slow or full.</exception>
    /// <exception cref="ArgumentException">Another movie has this id.</exception>
    public async Task<(AddedMovie Stored, bool IsNew)> AddAsync(AddedMovie movie)
    {
        IDatabase database = redis?.GetDatabase() ?? throw new EventStoreException(
            "No store for movies is configured. Set ConnectionStrings__cache to a Redis that keeps its data.");
        try
        {
            bool isNew = await database.HashSetAsync(AddedMovie.Key, movie.MovieId, movie.Write(), When.NotExists);
            AddedMovie stored = isNew ? movie : AddedMovie.Read((byte[])(await database.HashGetAsync(AddedMovie.Key, movie.MovieId))!);
            if (stored.Title != movie.Title)
            {
                throw new ArgumentException($"Movie {movie.MovieId} is '{stored.Title}' already.", nameof(movie));
            }

            await LookAsync(database);
            return (stored, isNew);
        }
        catch (Exception e) when (e is RedisException or TimeoutException or InvalidDataException)
        {
            throw await EventStoreException.FromAsync(e, isRefused: e is RedisServerException, health, database);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (redis is null)
        {
            return;
        }

        using var timer = new PeriodicTimer(LookInterval);
        do
        {
            try
            {
                await LookAsync(redis.GetDatabase());
            }
            catch (Exception e) when (e is RedisException or TimeoutException or InvalidDataException)
            {
                logger.LogDebug("Added movies could not be read, the next look may do better: {Reason}", e.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    // A movie is never changed or removed: another number is all that can be new.
    private async Task LookAsync(IDatabase database)
    {
        if (await database.HashLengthAsync(AddedMovie.Key) == _current.Count)
        {
            return;
        }

        RedisValue[] stored = await database.HashValuesAsync(AddedMovie.Key);
        _current = [.. stored.Select(value => AddedMovie.Read((byte[])value!))
            .OrderBy(movie => movie.Added).ThenBy(movie => movie.MovieId)
            .Select(movie => new CatalogItem(0, movie.MovieId, movie.Title, movie.Year, movie.Genres, 0))];
    }
}
