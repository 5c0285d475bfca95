using System.Buffers.Binary;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.UnitTests.Core.Retrieval;

public sealed class FaissFileTests : FolderTests
{
    [Theory]
    [InlineData(VectorMetric.InnerProduct)]
    [InlineData(VectorMetric.L2)]
    public void What_was_written_is_read_back(VectorMetric metric)
    {
        string path = Folder.File("items.index");
        FaissFile.Write(path, new FlatIndex(new float[] { 1, 2, 3, 4, 5, 6 }, dimension: 3, metric));
        var index = Assert.IsType<FlatIndex>(FaissFile.Read(path));
        Assert.Equal((metric, 3, 2), (index.Metric, index.Dimension, index.Count));
        Assert.Equal([1, 2, 3, 4, 5, 6], index.Vectors);
    }

    [Theory]
    [InlineData(VectorMetric.InnerProduct)]
    [InlineData(VectorMetric.L2)]
    public void Rows_that_stay_in_the_file_are_found_like_those_in_memory(VectorMetric metric)
    {
        string path = Folder.File("items.index");
        FaissFile.Write(path, new FlatIndex(RandomVectors.Uniform(900, 20, seed: 1), dimension: 20, metric));
        IVectorIndex mapped = FaissFile.Read(path, mapFrom: 0);
        IVectorIndex read = FaissFile.Read(path);
        var ofMapped = new Candidate[10];
        var ofRead = new Candidate[10];
        mapped.Search(((FlatIndex)read).Vectors[..20], RowFilter.None, ofMapped);
        read.Search(((FlatIndex)mapped).Vectors[..20], RowFilter.None, ofRead);
        Assert.Equal(ofRead, ofMapped);
    }

    [Fact]
    public void A_mapped_file_is_unmapped_with_its_index_which_then_refuses_to_search()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Linux lists what is mapped.");
        string path = Folder.File("items.index");
        FaissFile.Write(path, new FlatIndex(RandomVectors.Uniform(900, 20, seed: 1), dimension: 20));
        var index = Assert.IsType<FlatIndex>(FaissFile.Read(path, mapFrom: 0));
        static string Mapped() => File.ReadAllText("/proc/self/maps");
        Assert.Contains(path, Mapped(), StringComparison.Ordinal);

        index.Dispose();
        index.Dispose();

        Assert.DoesNotContain(path, Mapped(), StringComparison.Ordinal);
        Assert.Throws<ObjectDisposedException>(() => index.Search(new float[20], RowFilter.None, new Candidate[10]));
    }

    [Fact]
    public void An_empty_index_is_an_index()
    {
        string path = Folder.File("items.index");
        FaissFile.Write(path, new FlatIndex(default, dimension: 3));
        Assert.Equal(0, FaissFile.Read(path).Count);
    }

    [Theory]
    [InlineData(4, -1)] // dimension
    [InlineData(4, 0)]
    [InlineData(4, int.MaxValue)]
    [InlineData(8, long.MaxValue)] // rows
    [InlineData(8, -2L)]
    [InlineData(8, 1L << 40)]
    [InlineData(33, 1)] // a metric that contradicts the kind
    [InlineData(37, long.MaxValue)] // number of floats
    [InlineData(37, -6L)]
    public void A_header_that_contradicts_the_file_is_refused_before_memory_is_allocated(int offset, object value)
    {
        string path = WriteSmallIndex();
        byte[] bytes = File.ReadAllBytes(path);
        if (value is long wide)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(offset), wide);
        }
        else
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(offset), (int)value);
        }

        File.WriteAllBytes(path, bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<InvalidDataException>(() => FaissFile.Read(path));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Fact]
    public void An_unsupported_kind_is_named()
    {
        string path = WriteSmallIndex();
        byte[] bytes = File.ReadAllBytes(path);
        "Ix\0X"u8.CopyTo(bytes);
        File.WriteAllBytes(path, bytes);
        Assert.Refused<InvalidDataException>(() => FaissFile.Read(path), "'Ix?X'");
    }

    private string WriteSmallIndex()
    {
        string path = Folder.File("items.index");
        FaissFile.Write(path, new FlatIndex(new float[] { 1, 2, 3, 4, 5, 6 }, dimension: 3));
        return path;
    }
}

/// <summary>Index files written by FAISS 1.11, and the neighbours that it found in them.</summary>
public sealed class FaissReferenceTests
{
    private const int Dimension = 32;
    private const int K = 10;

    public static TheoryData<string> Cases() => ["flat_ip", "flat_l2", "ivf_flat_ip", "ivf_flat_l2", "ivf_sq8_ip", "ivf_sq8_l2", "ivf_pq_ip", "ivf_pq_l2", "hnsw_ip", "hnsw_l2"];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Neighbours_and_distances_are_those_of_FAISS(string name)
    {
        JsonElement expected = Expected(name);
        IVectorIndex index = Read(name);
        Assert.Equal((name.EndsWith("l2", StringComparison.Ordinal) ? VectorMetric.L2 : VectorMetric.InnerProduct, Dimension, 3000), (index.Metric, index.Dimension, index.Count));
        ForEachQuery((q, query) =>
        {
            var found = new Candidate[K];
            Assert.Equal(K, index.Search(query, RowFilter.None, found));
            float[] distances = [.. expected.GetProperty("distances")[q].EnumerateArray().Select(value => value.GetSingle())];
            Assert.All(found, (candidate, rank) => Assert.Equal(distances[rank], candidate.Score, 1e-4f));
            RequireSame(Rows(expected.GetProperty("ids")[q]), found, distances);
        });
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void With_every_third_row_excluded_the_neighbours_are_those_of_FAISS(string name)
    {
        JsonElement expected = Expected(name).GetProperty("filtered_ids");
        IVectorIndex index = Read(name);
        ForEachQuery((q, query) =>
        {
            var found = new Candidate[K];
            index.Search(query, RowSets.WithoutEveryThird(index.Count), found);
            RequireSame(Rows(expected[q]), found, [.. found.Select(candidate => candidate.Score)]);
        });
    }

    /// <summary>Rows whose distances differ only by rounding may swap places.</summary>
    private static void RequireSame(int[] expected, Candidate[] found, float[] distances)
    {
        for (int rank = 0; rank < K; rank++)
        {
            int place = Array.IndexOf(expected, found[rank].Row);
            Assert.True(place >= 0 || Math.Abs(distances[rank] - distances[K - 1]) < 1e-5f, $"row {found[rank].Row} at rank {rank} is not among {string.Join(", ", expected)}");
            Assert.True(place < 0 || Math.Abs(distances[rank] - distances[place]) < 1e-5f, $"row {found[rank].Row} is at rank {rank}, not at {place}");
        }
    }

    private static IVectorIndex Read(string name)
    {
        IVectorIndex index = FaissFile.Read(RepositoryFolder.Shared("parity", "faiss", name + ".index"));
        switch (index)
        {
            case IvfIndex ivf:
                ivf.Probes = Expected(name).GetProperty("nprobe").GetInt32();
                break;
            case HnswIndex hnsw:
                hnsw.Breadth = 64;
                break;
        }

        return index;
    }

    private static JsonElement Expected(string name)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(RepositoryFolder.Shared("parity", "faiss", "expected.json")));
        return document.RootElement.GetProperty("cases").GetProperty(name).Clone();
    }

    private static void ForEachQuery(Action<int, float[]> check)
    {
        (float[] queries, int columns) = NpyFile.Read(RepositoryFolder.Shared("parity", "faiss", "queries.npy"));
        Assert.Equal(50 * Dimension, queries.Length);
        for (int q = 0; q < queries.Length / columns; q++)
        {
            check(q, queries[(q * columns)..((q + 1) * columns)]);
        }
    }

    private static int[] Rows(JsonElement ids) => [.. ids.EnumerateArray().Select(id => id.GetInt32())];
}
