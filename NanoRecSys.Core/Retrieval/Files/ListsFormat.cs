using NanoRecSys.Core.Retrieval.Ivf;

namespace NanoRecSys.Core.Retrieval.Files;

/// <summary>
/// <c>ilar</c>: number of lists and bytes of a code (int64), the sizes (<c>full</c>: one for each list; <c>sprs</c>: pairs
/// of list and size), then for every list that is not empty its codes and its ids (int64).
/// </summary>
internal static class ListsFormat
{
    private const string Array = "ilar";
    private const string Full = "full";
    private const string Sparse = "sprs";

    /// <returns>The lists, and the codes of each.</returns>
    public static (InvertedLists Lists, byte[][] Codes) Read(FaissReader reader, int count, long codeBytes, int alignment)
    {
        string letters = reader.Letters();
        reader.Require(letters == Array, $"inverted lists of kind '{letters}' are not read here ('{Array}')");
        reader.Expect("lists", count);
        reader.Expect("bytes of a code", codeBytes);
        long[] sizes = ReadSizes(reader, count);
        var ids = new long[count][];
        var codes = new byte[count][];
        for (int list = 0; list < count; list++)
        {
            reader.Require(sizes[list] >= 0 && sizes[list] <= reader.Left / (codeBytes + sizeof(long)), $"list {list} of {sizes[list]} rows is larger than the file");
            codes[list] = reader.Values<byte>(sizes[list] * codeBytes);
            ids[list] = reader.Values<long>(sizes[list]);
        }

        try
        {
            return (InvertedLists.FromLists(ids, alignment), codes);
        }
        catch (Exception e) when (e is InvalidDataException or OverflowException)
        {
            throw reader.Error(e.Message);
        }
    }

    public static void Write(FaissWriter writer, InvertedLists lists, int codeBytes, PositionCode codeAt)
    {
        writer.Letters(Array);
        writer.Number((long)lists.Count);
        writer.Number((long)codeBytes);
        writer.Letters(Full);
        writer.Vector<long>([.. Enumerable.Range(0, lists.Count).Select(list => (long)lists.Size(list))]);
        for (int list = 0; list < lists.Count; list++)
        {
            var codes = new byte[checked(lists.Size(list) * codeBytes)];
            var ids = new long[lists.Size(list)];
            for (int i = 0; i < ids.Length; i++)
            {
                ids[i] = lists.Ids[lists.Start(list) + i];
                codeAt(lists.Start(list) + i, codes.AsSpan(i * codeBytes, codeBytes));
            }

            writer.Values<byte>(codes);
            writer.Values<long>(ids);
        }
    }

    private static long[] ReadSizes(FaissReader reader, int count)
    {
        string letters = reader.Letters();
        if (letters == Full)
        {
            return reader.Vector<long>("sizes of lists", count);
        }

        reader.Require(letters == Sparse, $"sizes of lists of kind '{letters}' are not read here ('{Full}', '{Sparse}')");
        long[] pairs = reader.Vector<long>();
        reader.Require(pairs.Length % 2 == 0, "a list has no size");
        var sizes = new long[count];
        for (int i = 0; i < pairs.Length; i += 2)
        {
            reader.Require(pairs[i] >= 0 && pairs[i] < count, $"list {pairs[i]} of {count}");
            sizes[pairs[i]] = pairs[i + 1];
        }

        return sizes;
    }
}
