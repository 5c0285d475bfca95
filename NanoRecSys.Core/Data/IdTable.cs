using System.Buffers.Binary;
using System.IO.Hashing;
using System.Numerics;
using System.Text;

namespace NanoRecSys.Core.Data;

/// <summary>The ids of users or items by row, and the row of an id. The columns may be arrays or a mapped file.</summary>
/// <remarks>
/// The file, little-endian: magic "NRSI", version (int32), ids N (int32), flags (int32; 1: all are integers), slots S (int32, a
/// power of two above N), text bytes B (int32), offsets int64[N + 1], slots int32[S], text byte[B].
/// A slot contains a row plus one, or 0; an id is in the first free slot at or after its hash.
/// </remarks>
internal sealed class IdTable
{
    private const int Version = 1;
    private const int HeaderBytes = 24;

    private readonly ReadOnlyMemory<long> _offsets; // [N + 1]
    private readonly ReadOnlyMemory<int> _slots; // [S]
    private readonly ReadOnlyMemory<byte> _text; // [B]

    private IdTable(ReadOnlyMemory<long> offsets, ReadOnlyMemory<int> slots, ReadOnlyMemory<byte> text, bool areNumbers) =>
        (_offsets, _slots, _text, AreNumbers) = (offsets, slots, text, areNumbers);

    public int Count => _offsets.Length - 1;
    public bool AreNumbers { get; } // whether every id is a 64-bit integer as JSON writes it; answers then contain numbers

    /// <summary>Allocates a new string at each call.</summary>
    public EntityId this[int row] => EntityId.Of(Encoding.UTF8.GetString(Utf8At(row)), AreNumbers);

    private static ReadOnlySpan<byte> Magic => "NRSI"u8;

    /// <exception cref="ArgumentException">An id occurs twice.</exception>
    public static IdTable Of(IReadOnlyCollection<EntityId> ids)
    {
        var offsets = new long[ids.Count + 1];
        foreach ((int row, EntityId id) in ids.Index())
        {
            offsets[row + 1] = offsets[row] + Encoding.UTF8.GetByteCount(id.Text);
        }

        var text = new byte[offsets[^1]];
        foreach ((int row, EntityId id) in ids.Index())
        {
            Encoding.UTF8.GetBytes(id.Text, text.AsSpan((int)offsets[row]));
        }

        return Of(offsets, text, ids.All(id => EntityId.IsWholeNumber(id.Text, out _)));
    }

    /// <param name="offsets">[N + 1] id i is <c>text[offsets[i]..offsets[i + 1]]</c>.</param>
    /// <param name="text">UTF-8.</param>
    /// <param name="areNumbers">See <see cref="AreNumbers"/>.</param>
    /// <exception cref="ArgumentException">An id occurs twice.</exception>
    public static IdTable Of(long[] offsets, byte[] text, bool areNumbers)
    {
        var slots = new int[SlotsFor(offsets.Length - 1)];
        for (int row = 0; row + 1 < offsets.Length; row++)
        {
            ReadOnlySpan<byte> id = Slice(text, offsets, row);
            int slot = SlotOf(id, slots.Length);
            for (; slots[slot] != 0; slot = (slot + 1) & (slots.Length - 1))
            {
                if (Slice(text, offsets, slots[slot] - 1).SequenceEqual(id))
                {
                    throw new ArgumentException($"The id {Encoding.UTF8.GetString(id)} occurs twice (rows {slots[slot] - 1} and {row}).", nameof(text));
                }
            }

            slots[slot] = row + 1;
        }

        return new IdTable(offsets, slots, text, areNumbers);
    }

    public EntityId[] ToArray() => [.. Enumerable.Range(0, Count).Select(row => this[row])];

    /// <summary>The id at a row, without allocating a string.</summary>
    public ReadOnlySpan<byte> Utf8At(int row) => Slice(_text.Span, _offsets.Span, row);

    /// <returns>False if no row has the id.</returns>
    public bool TryFind(EntityId id, out int row)
    {
        row = -1;
        Span<byte> buffer = stackalloc byte[EntityId.MaxBytes];
        if (!Encoding.UTF8.TryGetBytes(id.Text, buffer, out int length) || length == 0)
        {
            return false;
        }

        ReadOnlySpan<byte> utf8 = buffer[..length];
        ReadOnlySpan<int> slots = _slots.Span;
        ReadOnlySpan<long> offsets = _offsets.Span;
        ReadOnlySpan<byte> text = _text.Span;
        for (int slot = SlotOf(utf8, slots.Length); slots[slot] != 0; slot = (slot + 1) & (slots.Length - 1))
        {
            if (Slice(text, offsets, slots[slot] - 1).SequenceEqual(utf8))
            {
                row = slots[slot] - 1;
                return true;
            }
        }

        return false;
    }

    /// <summary>Converts an id from elsewhere to the JSON type of the table's ids.</summary>
    public EntityId Typed(EntityId id) => EntityId.Of(id.Text, AreNumbers && EntityId.IsWholeNumber(id.Text, out _));

    public void Write(string path)
    {
        using FileStream file = File.Create(path);
        new Header(Count, _slots.Length, _text.Length, AreNumbers).Write(file);
        FileColumns.Write(file, _offsets.Span);
        FileColumns.Write(file, _slots.Span);
        FileColumns.Write(file, _text.Span);
    }

    /// <param name="path">A file written by <see cref="Write"/>.</param>
    /// <param name="map">Whether its columns stay in the file, as in <see cref="HistoriesFile.Map"/>.</param>
    /// <exception cref="InvalidDataException">Not such a file, of another version, or damaged.</exception>
    public static IdTable Open(string path, bool map)
    {
        using FileStream file = File.OpenRead(path);
        Header header = Header.Read(file, path);
        var columns = new FileColumns(file, map ? new MappedFile(file) : null);
        ReadOnlyMemory<long> offsets = columns.Read<long>(HeaderBytes, header.Count + 1);
        ReadOnlyMemory<int> slots = columns.Read<int>(header.SlotsAt, header.Slots);
        ReadOnlyMemory<byte> text = columns.Read<byte>(header.TextAt, header.TextBytes);
        return IsAscending(offsets.Span, header.TextBytes) && slots.Span.Count(0) == header.Slots - header.Count && !slots.Span.ContainsAnyExceptInRange(0, header.Count)
            ? new IdTable(offsets, slots, text, header.AreNumbers)
            : throw new InvalidDataException($"{path} is damaged: its offsets or slots do not match {header.Count} ids.");
    }

    private static bool IsAscending(ReadOnlySpan<long> offsets, long end)
    {
        bool ascends = offsets[0] == 0 && offsets[^1] == end;
        for (int row = 1; ascends && row < offsets.Length; row++)
        {
            ascends = offsets[row] > offsets[row - 1];
        }

        return ascends;
    }

    // At most half full, so that a look-up compares only one or two ids.
    private static int SlotsFor(int count) => (int)Math.Min(BitOperations.RoundUpToPowerOf2(2u * (uint)Math.Max(1, count)), 1u << 30);

    private static int SlotOf(ReadOnlySpan<byte> utf8, int slots) => (int)(XxHash3.HashToUInt64(utf8) & (uint)(slots - 1));

    private static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> text, ReadOnlySpan<long> offsets, int row) =>
        text.Slice((int)offsets[row], (int)(offsets[row + 1] - offsets[row]));

    private readonly record struct Header(int Count, int Slots, int TextBytes, bool AreNumbers)
    {
        public long SlotsAt => HeaderBytes + sizeof(long) * (Count + 1L);
        public long TextAt => SlotsAt + sizeof(int) * (long)Slots;

        public void Write(FileStream file)
        {
            Span<byte> bytes = stackalloc byte[HeaderBytes];
            Magic.CopyTo(bytes);
            BinaryPrimitives.WriteInt32LittleEndian(bytes[4..], Version);
            BinaryPrimitives.WriteInt32LittleEndian(bytes[8..], Count);
            BinaryPrimitives.WriteInt32LittleEndian(bytes[12..], AreNumbers ? 1 : 0);
            BinaryPrimitives.WriteInt32LittleEndian(bytes[16..], Slots);
            BinaryPrimitives.WriteInt32LittleEndian(bytes[20..], TextBytes);
            file.Write(bytes);
        }

        public static Header Read(FileStream file, string path)
        {
            Span<byte> bytes = stackalloc byte[HeaderBytes];
            if (file.ReadAtLeast(bytes, HeaderBytes, throwOnEndOfStream: false) < HeaderBytes || !bytes[..4].SequenceEqual(Magic))
            {
                throw new InvalidDataException($"{path} is not a file of ids.");
            }

            int version = BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]);
            if (version != Version)
            {
                throw new InvalidDataException($"{path} has version {version}, this program reads {Version}.");
            }

            var header = new Header(
                BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]), BinaryPrimitives.ReadInt32LittleEndian(bytes[16..]),
                BinaryPrimitives.ReadInt32LittleEndian(bytes[20..]), BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]) == 1);
            return header.Count >= 0 && header.Slots > header.Count && BitOperations.IsPow2(header.Slots) && header.TextBytes >= 0
                && file.Length == header.TextAt + header.TextBytes
                ? header
                : throw new InvalidDataException($"{path} is damaged: its header does not match {file.Length} bytes.");
        }
    }
}
