using System.Runtime.InteropServices;
using System.Text;

namespace NanoRecSys.Core.Retrieval.Files;

/// <summary>Writes FAISS's little-endian numbers.</summary>
internal sealed class FaissWriter(Stream stream)
{
    public void Letters(string letters) => stream.Write(Encoding.ASCII.GetBytes(letters));

    public void Number<T>(T value)
        where T : unmanaged => stream.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(ref value)));

    /// <summary>A length and as many values.</summary>
    public void Vector<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        Number((long)values.Length);
        Values(values);
    }

    public void Values<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        // In parts: the bytes of a large array are more than a span can hold.
        const int Part = 1 << 24;
        for (; values.Length > Part; values = values[Part..])
        {
            stream.Write(MemoryMarshal.AsBytes(values[..Part]));
        }

        stream.Write(MemoryMarshal.AsBytes(values));
    }
}
