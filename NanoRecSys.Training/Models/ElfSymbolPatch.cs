using System.Buffers.Binary;

namespace NanoRecSys.Training.Models;

/// <summary>A symbol version that an ELF library requires and the host may lack.</summary>
/// <param name="OlderVersion">A version of the same library that is required in any case.</param>
/// <param name="Substitute">A libc function without arguments, whose name is no longer than <paramref name="Symbol"/>.</param>
internal sealed record SymbolDemand(string Symbol, string Version, string OlderVersion, string Substitute);

/// <summary>Removes one symbol-version requirement from a 64-bit little-endian ELF library. Only the tables that the dynamic linker reads are
/// changed, in place: no offset changes.</summary>
internal static class ElfSymbolPatch
{
    /// <summary>The symbol ensures that iostreams are initialized; libstdc++ before 3.4.32 does that itself in every library, so a call without
    /// effect can replace it there.</summary>
    public static readonly SymbolDemand LibTorchSharp =
        new("_ZSt21ios_base_library_initv", "GLIBCXX_3.4.32", "GLIBCXX_3.4.30", "sched_yield");

    private const int SectionEntryBytes = 64;
    private const int SymbolEntryBytes = 24;
    private const uint DynamicSymbols = 11; // SHT_DYNSYM
    private const uint SymbolVersions = 0x6fffffff; // SHT_GNU_versym
    private const uint VersionNeeds = 0x6ffffffe; // SHT_GNU_verneed
    private const ushort GlobalVersion = 1; // VER_NDX_GLOBAL: of any version

    /// <param name="image">The whole file; changed in place.</param>
    /// <exception cref="InvalidDataException">Not such a library, or one without this requirement.</exception>
    public static void DropVersion(Span<byte> image, SymbolDemand demand)
    {
        ReadOnlySpan<byte> magic = [0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1];
        InvalidDataException.ThrowIf(image.Length < SectionEntryBytes || !image.StartsWith(magic), $"Not a 64-bit little-endian ELF library.");

        try
        {
            Section symbols = FindSection(image, DynamicSymbols);
            Section strings = SectionAt(image, (int)symbols.Link);
            RenameVersion(image, FindSection(image, VersionNeeds), strings, demand);
            RenameSymbol(image, symbols, FindSection(image, SymbolVersions), strings, demand);
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new InvalidDataException("The ELF library's tables point outside of it.", e);
        }
    }

    // Version needs: per library, a list of (hash, flags, index, name, next).
    private static void RenameVersion(Span<byte> image, Section needs, Section strings, SymbolDemand demand)
    {
        int newer = -1;
        int older = -1;
        for (int need = needs.Offset, more = 1; more != 0; need += more)
        {
            for (int entry = need + (int)UInt32(image, need + 8), next = 1; next != 0; entry += next)
            {
                string name = StringAt(image, strings, (int)UInt32(image, entry + 8));
                newer = name == demand.Version ? entry : newer;
                older = name == demand.OlderVersion ? entry : older;
                next = (int)UInt32(image, entry + 12);
            }

            more = (int)UInt32(image, need + 12);
        }

        InvalidDataException.ThrowIf(newer < 0 || older < 0, $"The library does not ask for both {demand.Version} and {demand.OlderVersion}.");

        image.Slice(older, 4).CopyTo(image[newer..]); // hash of the name
        image.Slice(older + 8, 4).CopyTo(image[(newer + 8)..]); // the name's offset
    }

    private static void RenameSymbol(Span<byte> image, Section symbols, Section versions, Section strings, SymbolDemand demand)
    {
        for (int i = 0; i < symbols.Size / SymbolEntryBytes; i++)
        {
            int entry = symbols.Offset + i * SymbolEntryBytes;
            int name = (int)UInt32(image, entry);
            bool isUndefined = BinaryPrimitives.ReadUInt16LittleEndian(image[(entry + 6)..]) == 0;
            if (isUndefined && StringAt(image, strings, name) == demand.Symbol)
            {
                // Overwriting the name is safe: undefined symbols are not in a hash table.
                int length = Encoding.ASCII.GetBytes(demand.Substitute, image[(strings.Offset + name)..]);
                image[strings.Offset + name + length] = 0;
                BinaryPrimitives.WriteUInt16LittleEndian(image[(versions.Offset + 2 * i)..], GlobalVersion);
                return;
            }
        }

        throw new InvalidDataException($"The library does not ask for {demand.Symbol}.");
    }

    private static Section FindSection(ReadOnlySpan<byte> image, uint type)
    {
        int count = BinaryPrimitives.ReadUInt16LittleEndian(image[60..]);
        for (int i = 0; i < count; i++)
        {
            Section section = SectionAt(image, i);
            if (section.Type == type)
            {
                return section;
            }
        }

        throw new InvalidDataException($"The ELF library has no section of type 0x{type:x}.");
    }

    private static Section SectionAt(ReadOnlySpan<byte> image, int index)
    {
        int header = (int)BinaryPrimitives.ReadInt64LittleEndian(image[40..]) + index * SectionEntryBytes;
        return new Section(
            UInt32(image, header + 4),
            (int)BinaryPrimitives.ReadInt64LittleEndian(image[(header + 24)..]),
            (int)BinaryPrimitives.ReadInt64LittleEndian(image[(header + 32)..]),
            UInt32(image, header + 40));
    }

    private static uint UInt32(ReadOnlySpan<byte> image, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(image[offset..]);

    private static string StringAt(ReadOnlySpan<byte> image, Section strings, int offset)
    {
        ReadOnlySpan<byte> rest = image.Slice(strings.Offset, strings.Size)[offset..];
        int end = rest.IndexOf((byte)0);
        return Encoding.ASCII.GetString(rest[..Math.Max(end, 0)]);
    }

    private readonly record struct Section(uint Type, int Offset, int Size, uint Link);
}
