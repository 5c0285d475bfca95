using System.Buffers.Binary;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.UnitTests.Training.Indexing;

/// <summary>Damaged and hostile files of every kind give a clear error or a searchable index, never a crash.</summary>
public sealed class FaissFuzzTests : FolderTests
{
    private const int Rows = 300;
    private const long MaxMemory = 32 << 20; // far more than a file of some hundred KB needs, far less than it can claim

    public static TheoryData<string> Kinds() => [.. SmallIndexes.Shapes.Select(shape => shape.Kind)];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_file_cut_anywhere_is_refused(string kind)
    {
        byte[] whole = Write(kind);
        var random = new Random(1);
        foreach (int length in Enumerable.Range(0, 100).Concat(Enumerable.Range(0, 50).Select(_ => random.Next(whole.Length))).Append(whole.Length - 1))
        {
            Assert.False(CanRead(whole[..length]), $"{length} of {whole.Length} bytes were accepted");
        }

        Assert.False(CanRead([.. whole, 0]));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Changed_numbers_are_refused_or_harmless(string kind)
    {
        byte[] whole = Write(kind);
        var random = new Random(2);
        long[] hostile = [-1, 0, 1, 7, int.MaxValue, int.MinValue, uint.MaxValue, 1L << 40, long.MaxValue, long.MinValue, long.MaxValue / 8];
        for (int attempt = 0; attempt < 400; attempt++)
        {
            // The header holds most lengths, so every other attempt changes it.
            int at = random.Next(attempt % 2 == 0 ? Math.Min(400, whole.Length - 8) : whole.Length - 8);
            byte[] changed = (byte[])whole.Clone();
            if (attempt % 3 == 0)
            {
                changed[at] ^= (byte)(1 << random.Next(8));
            }
            else if (attempt % 3 == 1)
            {
                BinaryPrimitives.WriteInt64LittleEndian(changed.AsSpan(at), hostile[random.Next(hostile.Length)]);
            }
            else
            {
                BinaryPrimitives.WriteInt32LittleEndian(changed.AsSpan(at), (int)hostile[random.Next(hostile.Length)]);
            }

            CanRead(changed);
        }
    }

    [Fact]
    public void A_graph_without_rows_has_no_entry()
    {
        string path = Folder.File("whole.index");
        FaissFile.Write(path, new HnswIndex(new HnswGraph([], [0, 24, 36]), ReadOnlyMemory<float>.Empty, SmallIndexes.Dimension, VectorMetric.L2));
        byte[] whole = File.ReadAllBytes(path);
        Assert.True(CanRead(whole));
        int entry = whole.AsSpan().IndexOf((byte[])[.. Enumerable.Repeat((byte)0xFF, 8)]); // entry and top level, both -1
        BinaryPrimitives.WriteInt32LittleEndian(whole.AsSpan(entry), 0);
        Assert.False(CanRead(whole));
    }

    private bool CanRead(byte[] bytes)
    {
        string path = Folder.File("changed.index");
        File.WriteAllBytes(path, bytes);
        long before = GC.GetTotalAllocatedBytes();
        try
        {
            IVectorIndex index = FaissFile.Read(path);
            index.Search(new float[index.Dimension], RowFilter.None, new Candidate[5]);
            return true;
        }
        catch (InvalidDataException e)
        {
            Assert.Contains(path, e.Message, StringComparison.Ordinal);
            return false;
        }
        finally
        {
            Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, MaxMemory);
        }
    }

    private byte[] Write(string kind)
    {
        string path = Folder.File("whole.index");
        FaissFile.Write(path, SmallIndexes.Build(SmallIndexes.Shape(kind), VectorMetric.L2, rows: Rows));
        return File.ReadAllBytes(path);
    }
}
