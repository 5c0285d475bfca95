using System.Buffers.Binary;
using System.Numerics;
using System.Numerics.Tensors;

namespace NanoRecSys.Core.Data;

/// <summary>Every user's items, oldest first, in one flat column, with their times and weights in other columns.</summary>
/// <remarks>The columns may be arrays or a mapped file (<see cref="HistoriesFile.Map"/>).</remarks>
internal sealed class UserHistories
{
    private readonly ReadOnlyMemory<long> _offsets; // [U + 1]
    private readonly ReadOnlyMemory<int> _items; // [N], item rows
    private readonly ReadOnlyMemory<long> _times; // [N], or empty
    private readonly ReadOnlyMemory<float> _weights; // [N], or empty

    /// <param name="users">[U] their ids, ascending.</param>
    /// <param name="offsets">[U + 1]: user u's items are <c>items[offsets[u]..offsets[u + 1]]</c>.</param>
    /// <param name="items">[N] item rows, oldest first within a user.</param>
    /// <param name="times">[N] see <see cref="Interaction.Timestamp"/>; empty if the times are not known.</param>
    /// <param name="weights">[N] above 0; empty if every interaction counts 1.</param>
    /// <exception cref="ArgumentException">The columns contradict each other.</exception>
    public UserHistories(
        IdTable users, ReadOnlyMemory<long> offsets, ReadOnlyMemory<int> items, ReadOnlyMemory<long> times = default, ReadOnlyMemory<float> weights = default)
    {
        ReadOnlySpan<long> starts = offsets.Span;
        if (starts.Length != users.Count + 1 || starts[0] != 0 || starts[^1] != items.Length)
        {
            throw new ArgumentException($"{users.Count} users need {users.Count + 1} offsets from 0 to {items.Length}.", nameof(offsets));
        }

        if (!times.IsEmpty && times.Length != items.Length)
        {
            throw new ArgumentException($"{items.Length} items have {times.Length} times.", nameof(times));
        }

        if (!weights.IsEmpty && weights.Length != items.Length)
        {
            throw new ArgumentException($"{items.Length} items have {weights.Length} weights.", nameof(weights));
        }

        for (int u = 0; u < users.Count; u++)
        {
            if (starts[u] > starts[u + 1])
            {
                throw new ArgumentException($"Offsets must not decrease; they do at position {u}.", nameof(offsets));
            }
        }

        Users = users;
        _offsets = offsets;
        _items = items;
        _times = times;
        _weights = weights;
    }

    /// <inheritdoc cref="UserHistories(IdTable, ReadOnlyMemory{long}, ReadOnlyMemory{int}, ReadOnlyMemory{long}, ReadOnlyMemory{float})"/>
    public UserHistories(EntityId[] users, long[] offsets, int[] items, long[]? times = null, float[]? weights = null)
        : this(IdTable.Of(users), offsets, items.AsMemory(), times, weights)
    {
    }

    public IdTable Users { get; } // [U] the users' ids; a user's row is the position here
    public int UserCount => Users.Count;
    public long InteractionCount => _items.Length;
    public bool HasTimes => _times.Length == _items.Length; // whether the times of the interactions are known
    public long LastTime => Times.IsEmpty ? 0 : TensorPrimitives.Max(Times); // time of the newest interaction; 0 without HasTimes
    public ReadOnlySpan<long> Offsets => _offsets.Span;
    public ReadOnlySpan<int> Items => _items.Span;
    public ReadOnlySpan<long> Times => _times.Span; // [N] parallel to Items; empty without HasTimes
    public bool HasWeights => !_weights.IsEmpty; // whether interactions have different weights
    public ReadOnlySpan<float> Weights => _weights.Span; // [N] parallel to Items, above 0: the weight of each interaction; empty if all are 1

    /// <summary>Item rows of the user at <paramref name="position"/> in <see cref="Users"/>, oldest first.</summary>
    public ReadOnlySpan<int> At(int position) => MemoryAt(position).Span;

    /// <summary>Like <see cref="At"/>, for code that keeps a history: nothing is copied.</summary>
    public ReadOnlyMemory<int> MemoryAt(int position) => Slice(_items, position);

    /// <summary>Times of the items of <see cref="At"/>; empty without <see cref="HasTimes"/>.</summary>
    public ReadOnlySpan<long> TimesAt(int position) => TimesMemoryAt(position).Span;

    /// <summary>Like <see cref="TimesAt"/>, for code that keeps the times: nothing is copied.</summary>
    public ReadOnlyMemory<long> TimesMemoryAt(int position) => HasTimes ? Slice(_times, position) : default;

    /// <summary>The weights of the items of <see cref="At"/>; empty without <see cref="HasWeights"/>.</summary>
    public ReadOnlySpan<float> WeightsAt(int position) => HasWeights ? Slice(_weights, position).Span : default;

    /// <returns>The user's position in <see cref="Users"/>; negative if the user is unknown.</returns>
    public int PositionOf(EntityId user) => Users.TryFind(user, out int position) ? position : -1;

    private ReadOnlyMemory<T> Slice<T>(ReadOnlyMemory<T> column, int position)
    {
        ReadOnlySpan<long> offsets = Offsets;
        return column.Slice((int)offsets[position], (int)(offsets[position + 1] - offsets[position]));
    }
}

/// <summary>
/// Reads and writes histories in two files: the users' ids (see <see cref="IdTable"/>), and <c>histories.bin</c>, little-endian: magic
/// "NRSH", version (int32), users U (int32), flags (int32; 1: it has times, 2: it has weights), interactions N (int64), offsets int64[U + 1],
/// times int64[N] if it has them, weights float32[N] if it has them, item rows int32[N].
/// </summary>
internal static class HistoriesFile
{
    public static void Write(string folder, UserHistories histories)
    {
        histories.Users.Write(Path.Combine(folder, ArtifactNames.Users));
        Span<byte> header = stackalloc byte[HistoriesLayout.HeaderBytes];
        new HistoriesLayout(histories.UserCount, (int)histories.InteractionCount, histories.HasTimes, histories.HasWeights).Write(header);
        using FileStream file = File.Create(Path.Combine(folder, ArtifactNames.Histories));
        file.Write(header);
        FileColumns.Write(file, histories.Offsets);
        FileColumns.Write(file, histories.Times);
        FileColumns.Write(file, histories.Weights);
        FileColumns.Write(file, histories.Items);
    }

    /// <summary>Reads both files into memory.</summary>
    /// <exception cref="InvalidDataException">Not such files, of another version, or with contradictory fields.</exception>
    public static UserHistories Read(string folder) => Open(folder, map: false);

    /// <summary>
    /// Maps both files: the system pages in what is read and drops it under pressure, so that neither the start time nor the
    /// process's memory grows with the data. A file must not be truncated while mapped; replacing it is safe.
    /// </summary>
    /// <inheritdoc cref="Read" path="/exception"/>
    public static UserHistories Map(string folder) => Open(folder, map: true);

    private static UserHistories Open(string folder, bool map)
    {
        IdTable users = IdTable.Open(Path.Combine(folder, ArtifactNames.Users), map);
        string path = Path.Combine(folder, ArtifactNames.Histories);
        using FileStream file = File.OpenRead(path);
        HistoriesLayout layout = HistoriesLayout.Read(file, path);
        var columns = new FileColumns(file, map ? new MappedFile(file) : null);
        ReadOnlyMemory<long> offsets = columns.Read<long>(HistoriesLayout.Offsets, layout.Users + 1);
        ReadOnlyMemory<long> times = columns.Read<long>(layout.Times, layout.HasTimes ? layout.Interactions : 0);
        ReadOnlyMemory<float> weights = columns.Read<float>(layout.Weights, layout.HasWeights ? layout.Interactions : 0);
        ReadOnlyMemory<int> items = columns.Read<int>(layout.Items, layout.Interactions);
        try
        {
            return new UserHistories(users, offsets, items, times, weights);
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }
}

/// <summary>The header of <c>histories.bin</c>, and the offsets of its columns.</summary>
internal readonly record struct HistoriesLayout(int Users, int Interactions, bool HasTimes, bool HasWeights)
{
    public const int HeaderBytes = 24; // a multiple of eight, so that every column is aligned to its number type
    public const long Offsets = HeaderBytes;
    private const int Version = 3;
    private const int TimesFlag = 1;
    private const int WeightsFlag = 2;

    public long Times => Offsets + sizeof(long) * (Users + 1L);
    public long Weights => Times + (HasTimes ? sizeof(long) * (long)Interactions : 0);
    public long Items => Weights + (HasWeights ? sizeof(float) * (long)Interactions : 0);
    private long End => Items + sizeof(int) * (long)Interactions;
    private static ReadOnlySpan<byte> Magic => "NRSH"u8;

    public void Write(Span<byte> header)
    {
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], Version);
        BinaryPrimitives.WriteInt32LittleEndian(header[8..], Users);
        BinaryPrimitives.WriteInt32LittleEndian(header[12..], (HasTimes ? TimesFlag : 0) | (HasWeights ? WeightsFlag : 0));
        BinaryPrimitives.WriteInt64LittleEndian(header[16..], Interactions);
    }

    /// <exception cref="InvalidDataException">Not such a file, of another version, or of a size that contradicts its header.</exception>
    public static HistoriesLayout Read(FileStream file, string path)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        int there = file.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false);
        if (there < HeaderBytes)
        {
            throw new InvalidDataException($"{path}: {there} bytes are too few for a histories file.");
        }

        int version = BinaryPrimitives.ReadInt32LittleEndian(header[4..]);
        if (!header[..4].SequenceEqual(Magic) || version != Version)
        {
            throw new InvalidDataException($"{path}: not a histories file of version {Version}. Run 'prepare' or 'publish' again.");
        }

        int users = BinaryPrimitives.ReadInt32LittleEndian(header[8..]);
        int flags = BinaryPrimitives.ReadInt32LittleEndian(header[12..]);
        long interactions = BinaryPrimitives.ReadInt64LittleEndian(header[16..]);
        if (users < 0 || interactions is < 0 or > int.MaxValue || (flags & ~(TimesFlag | WeightsFlag)) != 0)
        {
            throw new InvalidDataException($"{path}: {users} users, {interactions} interactions, flags {flags}: a damaged header.");
        }

        var layout = new HistoriesLayout(users, (int)interactions, (flags & TimesFlag) != 0, (flags & WeightsFlag) != 0);
        return layout.End == file.Length
            ? layout
            : throw new InvalidDataException($"{path}: {users} users and {interactions} interactions need {layout.End} bytes, the file has {file.Length}.");
    }
}

/// <summary>The user tower's input for a user.</summary>
/// <param name="Items">Item rows, oldest first.</param>
/// <param name="Times">
/// Times of <paramref name="Items"/>, in the data's own unit; empty if unknown, which counts as
/// <paramref name="Now"/>. Only a network with a time bias reads them.
/// </param>
/// <param name="Now">The time for which the next item is predicted.</param>
internal readonly record struct TimedHistory(ReadOnlyMemory<int> Items, ReadOnlyMemory<long> Times = default, long Now = 0)
{
    /// <summary>A history with only an order.</summary>
    public static implicit operator TimedHistory(ReadOnlyMemory<int> items) => new(items);

    /// <inheritdoc cref="op_Implicit(ReadOnlyMemory{int})"/>
    public static implicit operator TimedHistory(int[] items) => new(items);

    /// <summary>Its last <paramref name="length"/> items, or all if there are fewer.</summary>
    public TimedHistory Last(int length) => new(
        Items[^Math.Min(length, Items.Length)..], Times[^Math.Min(length, Times.Length)..], Now);
}

/// <summary>One row of a ratings file.</summary>
/// <param name="Item">The item's code or row.</param>
/// <param name="Rating">As in the file; 1 if the data is implicit.</param>
/// <param name="Timestamp">Seconds since 1970, or any number that grows with time.</param>
/// <param name="Weight">Weight in training and in popularity.</param>
internal readonly record struct Interaction(int User, int Item, float Rating, long Timestamp, float Weight = 1);

/// <summary>Turns a history into the user tower's tokens: an item's row plus one, 0 for padding. Used by training and serving.</summary>
internal static class SequenceBuilder
{
    /// <summary>
    /// Writes the last items of <paramref name="history"/> (rows, oldest first) as tokens, right-aligned;
    /// the rest of <paramref name="tokens"/>, at the front, becomes padding.
    /// </summary>
    public static void Fill(ReadOnlySpan<int> history, Span<long> tokens)
    {
        int kept = Math.Min(history.Length, tokens.Length);
        int padding = tokens.Length - kept;
        tokens[..padding].Clear();
        ReadOnlySpan<int> last = history[^kept..];
        for (int t = 0; t < kept; t++)
        {
            tokens[padding + t] = last[t] + 1;
        }
    }

    /// <summary>Writes the items' times, aligned with their tokens; the current time if unknown, and at padding.</summary>
    public static void FillTimes(TimedHistory history, Span<long> times)
    {
        ReadOnlySpan<long> known = history.Last(times.Length).Times.Span;
        times[..^known.Length].Fill(history.Now);
        known.CopyTo(times[^known.Length..]);
    }
}

/// <summary>Histograms of counts in bands that double (0, 1, 2 to 3, 4 to 7, ...), because history lengths and popularity are long-tailed.</summary>
internal static class CountBands
{
    /// <returns>From the lowest band that is not empty to the highest; empty without counts.</returns>
    public static CountBand[] Of(IEnumerable<int> counts)
    {
        ILookup<int, int> byBand = counts.ToLookup(count => count == 0 ? -1 : BitOperations.Log2((uint)count));
        return byBand.Count == 0 ? [] :
        [
            .. Enumerable.Range(byBand.Min(band => band.Key), byBand.Max(band => band.Key) - byBand.Min(band => band.Key) + 1)
                .Select(band => new CountBand(band < 0 ? 0 : 1 << band, band < 0 ? 0 : (int)((1L << (band + 1)) - 1), byBand[band].Count())),
        ];
    }
}
