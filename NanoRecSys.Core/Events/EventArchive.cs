using Parquet;
using Parquet.Serialization;

namespace NanoRecSys.Core.Events;

/// <summary>A user's event that is no longer in the store.</summary>
/// <param name="Field">Its idempotency key, which is the same in the store and here.</param>
internal readonly record struct ArchivedEvent(EntityId User, string Field, UserEvent Event);

/// <summary>
/// Events that were moved out of the store, in Parquet files below the artifacts folder: <c>events/DAY/NAME.parquet</c>, by the day of
/// the move; files of past days are joined. An event is written here before it is deleted from the store, so after a crash it may be in both, or in two
/// files: readers count each <see cref="ArchivedEvent.Field"/> of a user once, and read the store first.
/// </summary>
internal sealed class EventArchive(string artifacts)
{
    private const string Extension = ".parquet";
    private const int FilesPerJoin = 200;
    private const long LargeFile = 8 << 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public string Folder { get; } = Path.Combine(artifacts, "events");

    /// <summary>Lets one process at a time move or remove events: an event must not arrive here after its user's events were removed.</summary>
    /// <exception cref="IOException">Another process still holds it after half a minute.</exception>
    /// <exception cref="ArtifactException">The folder cannot be created or written to.</exception>
    public Task<IDisposable> LockAsync() => Task.Run(() => FolderLock.Take(Folder, "move", Patience)
        ?? throw new IOException($"Another process has been moving events to {Folder} for {Patience.TotalSeconds:F0} seconds."));

    /// <summary>Adds a file, which is on disk when this returns.</summary>
    public async Task WriteAsync(IEnumerable<ArchivedEvent> events, DateTimeOffset now, CancellationToken cancellation = default)
    {
        string day = DayFolder(now);
        Directory.CreateDirectory(day);
        await WriteAsync(NewFile(day, now), events, cancellation);
    }

    /// <summary>All events, file by file, the oldest file first; files created by joining in the meantime follow.</summary>
    public async IAsyncEnumerable<ArchivedEvent> ReadAsync()
    {
        var read = new HashSet<string>();
        while (Files().Where(read.Add).ToArray() is { Length: > 0 } files)
        {
            foreach (string file in files)
            {
                foreach (ArchivedEvent archived in await ReadAsync(file))
                {
                    yield return archived;
                }
            }
        }
    }

    /// <summary>Removes a user's events, or the one with a field.</summary>
    /// <returns>Number of removed events.</returns>
    public async Task<long> RemoveAsync(EntityId user, string? field = null)
    {
        if (!Directory.Exists(Folder))
        {
            return 0; // nothing was ever moved
        }

        using IDisposable held = await LockAsync();
        var removed = new HashSet<string>();
        foreach (string file in Files())
        {
            if (!(await ParquetSerializer.DeserializeAsync<UserRow>(file)).Data.Any(row => row.user_id == user.Text))
            {
                continue;
            }

            ArchivedEvent[] all = await ReadAsync(file);
            ArchivedEvent[] kept = [.. all.Where(archived => archived.User != user || (field is not null && archived.Field != field))];
            removed.UnionWith(all.Except(kept).Select(archived => archived.Field));
            if (kept.Length == 0)
            {
                File.Delete(file);
            }
            else if (kept.Length < all.Length)
            {
                await WriteAsync(file, kept, CancellationToken.None);
            }
        }

        return removed.Count;
    }

    /// <summary>Number of events, from the files' own counts.</summary>
    public async Task<long> CountAsync()
    {
        long count = 0;
        foreach (string file in Files())
        {
            try
            {
                await using ParquetReader reader = await ParquetReader.CreateAsync(file);
                count += reader.Metadata?.NumRows ?? 0;
            }
            catch (FileNotFoundException)
            {
                // Joined with others since the folder was listed, or its last user was removed.
            }
        }

        return count;
    }

    /// <summary>
    /// Joins the small files of past days: a year of them would make reading, and removing a user, slow. A crash leaves events in two files,
    /// but readers count them once. The caller holds the lock.
    /// </summary>
    public async Task JoinAsync(DateTimeOffset now)
    {
        string today = DayFolder(now);
        foreach (string day in Directory.EnumerateDirectories(Folder).Where(day => string.CompareOrdinal(day, today) < 0).ToArray())
        {
            string[] small = [.. Directory.EnumerateFiles(day, "*" + Extension).Where(file => new FileInfo(file).Length < LargeFile).Order(StringComparer.Ordinal)];
            foreach (string[] files in small.Chunk(FilesPerJoin).Where(files => files.Length > 1))
            {
                var all = new List<ArchivedEvent>();
                foreach (string file in files)
                {
                    all.AddRange(await ReadAsync(file));
                }

                await WriteAsync(NewFile(day, now), all.DistinctBy(archived => (archived.User, archived.Field)), CancellationToken.None);
                Array.ForEach(files, File.Delete);
            }
        }
    }

    private string DayFolder(DateTimeOffset now) => Path.Combine(Folder, $"{now:yyyy-MM-dd}");

    private static string NewFile(string day, DateTimeOffset now) => Path.Combine(day, $"{now:HHmmssfff}-{Guid.NewGuid():N}{Extension}");

    private string[] Files() => !Directory.Exists(Folder) ? []
        : [.. Directory.EnumerateFiles(Folder, "*" + Extension, SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    private static async Task WriteAsync(string path, IEnumerable<ArchivedEvent> events, CancellationToken cancellation)
    {
        using AtomicFile file = new(path);
        await ParquetSerializer.SerializeAsync(
            events.Select(archived => new Row
            {
                user_id = archived.User.Text,
                key = archived.Field,
                item_id = archived.Event.ItemId.Text,
                timestamp = archived.Event.Timestamp,
                type = archived.Event.Type,
                rating = archived.Event.Rating,
                received = archived.Event.Received,
            }),
            file.TemporaryPath, cancellationToken: cancellation);
        file.Commit();
    }

    private static async Task<ArchivedEvent[]> ReadAsync(string path)
    {
        try
        {
            return [.. (await ParquetSerializer.DeserializeAsync<Row>(path)).Data.Select(row => new ArchivedEvent(
                EntityId.Of(row.user_id), row.key, new UserEvent(EntityId.Of(row.item_id), row.timestamp, row.type, row.rating, row.received)))];
        }
        catch (FileNotFoundException)
        {
            return []; // joined with others since the folder was listed, or its last user was removed
        }
    }

    // Parquet.Net takes the column names from the properties.
#pragma warning disable IDE1006 // Naming: snake_case is the file's contract.
    private sealed class UserRow
    {
        public string user_id { get; set; } = "";
    }

    private sealed class Row
    {
        public string user_id { get; set; } = "";
        public string key { get; set; } = "";
        public string item_id { get; set; } = "";
        public long timestamp { get; set; }
        public string type { get; set; } = "";
        public float? rating { get; set; }
        public long received { get; set; }
    }
#pragma warning restore IDE1006
}
