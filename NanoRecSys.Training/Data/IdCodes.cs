using System.IO.Hashing;
using System.Numerics;

namespace NanoRecSys.Training.Data;

/// <summary>Numbers ids in order of first lookup. They are stored as UTF-8, and looked up without creating a string.</summary>
internal sealed class IdCodes
{
    private byte[] _text = new byte[1024];
    private int[] _ends = new int[64]; // [Count] end of each id's text
    private int[] _slots = new int[128]; // code + 1, or 0; at most half are used

    public int Count { get; private set; }

    /// <summary>Whether all ids are 64-bit integers.</summary>
    public bool AreNumbers { get; private set; } = true;

    public EntityId this[int code] => EntityId.Of(Encoding.UTF8.GetString(Utf8At(code)));

    public int CodeOf(EntityId id)
    {
        Span<byte> utf8 = stackalloc byte[EntityId.MaxBytes];
        return CodeOf(utf8[..Encoding.UTF8.GetBytes(id.Text, utf8)]);
    }

    public int CodeOf(ReadOnlySpan<byte> utf8) => TryFind(utf8, out int code, out int slot) ? code : Add(utf8, slot);

    public bool TryFind(EntityId id, out int code)
    {
        Span<byte> utf8 = stackalloc byte[EntityId.MaxBytes];
        return TryFind(utf8[..Encoding.UTF8.GetBytes(id.Text, utf8)], out code, out _);
    }

    public bool TryFind(ReadOnlySpan<byte> utf8, out int code, out int slot)
    {
        for (slot = SlotOf(utf8); _slots[slot] != 0; slot = (slot + 1) & (_slots.Length - 1))
        {
            code = _slots[slot] - 1;
            if (Utf8At(code).SequenceEqual(utf8))
            {
                return true;
            }
        }

        code = -1;
        return false;
    }

    /// <summary>The ids of codes, as numbers if all ids are numbers, else as strings.</summary>
    public EntityId[] Typed(IEnumerable<int> codes) => [.. codes.Select(code => EntityId.Of(this[code].Text, AreNumbers))];

    /// <summary>Codes in the order of their ids; see <see cref="EntityId.Compare"/>.</summary>
    public int[] Sort(IEnumerable<int> codes)
    {
        int[] sorted = [.. codes];
        EntityId[] ids = Typed(sorted);
        Array.Sort(ids, sorted, Comparer<EntityId>.Create(EntityId.Compare));
        return sorted;
    }

    public int Add(ReadOnlySpan<byte> utf8, int slot)
    {
        int start = Count == 0 ? 0 : _ends[Count - 1];
        Grow(ref _text, checked(start + utf8.Length));
        Grow(ref _ends, Count + 1);
        utf8.CopyTo(_text.AsSpan(start));
        _ends[Count] = start + utf8.Length;
        _slots[slot] = ++Count;
        AreNumbers = AreNumbers && EntityId.IsWholeNumber(Encoding.UTF8.GetString(utf8), out _);
        if (2 * Count > _slots.Length)
        {
            Rehash();
        }

        return Count - 1;
    }

    private ReadOnlySpan<byte> Utf8At(int code)
    {
        int start = code == 0 ? 0 : _ends[code - 1];
        return _text.AsSpan(start, _ends[code] - start);
    }

    private int SlotOf(ReadOnlySpan<byte> utf8) => (int)(XxHash3.HashToUInt64(utf8) & (uint)(_slots.Length - 1));

    private void Rehash()
    {
        _slots = new int[checked(2 * _slots.Length)];
        for (int code = 0; code < Count; code++)
        {
            int slot = SlotOf(Utf8At(code));
            while (_slots[slot] != 0)
            {
                slot = (slot + 1) & (_slots.Length - 1);
            }

            _slots[slot] = code + 1;
        }
    }

    private static void Grow<T>(ref T[] array, int length)
    {
        if (array.Length < length)
        {
            Array.Resize(ref array, (int)Math.Min(BitOperations.RoundUpToPowerOf2((uint)length), (uint)Array.MaxLength));
        }
    }
}
