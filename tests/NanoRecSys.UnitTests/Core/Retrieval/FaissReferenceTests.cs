using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.UnitTests.Core.Retrieval;

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
