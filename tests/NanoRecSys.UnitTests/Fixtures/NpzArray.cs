using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace NanoRecSys.UnitTests.Fixtures;

/// <summary>One array of an <c>.npz</c>: a zip of <c>.npy</c> files. The caller knows its shape.</summary>
internal static class NpzArray
{
    public static T[] Read<T>(ZipArchive archive, string name)
        where T : struct
    {
        using Stream entry = archive.GetEntry(name + ".npy")!.Open();
        using var memory = new MemoryStream();
        entry.CopyTo(memory);
        byte[] bytes = memory.ToArray();
        int header = 10 + BitConverter.ToUInt16(bytes, 8);
        string type = typeof(T) == typeof(long) ? "<i8" : "<f4";
        Assert.Matches(new Regex($"'descr': '{type}', 'fortran_order': False"), Encoding.ASCII.GetString(bytes, 0, header));
        return MemoryMarshal.Cast<byte, T>(bytes.AsSpan(header)).ToArray();
    }
}
