using System.Text.Json;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.UnitTests.Core.Retrieval;

/// <summary>Index files that FAISS 1.11 wrote, and the neighbours that it found in them.</summary>
public sealed class FaissReferenceTests
{
    private const int Dimension = 32;
    private const int K = 10;

    [Theory]
    [InlineData("flat_ip", VectorMetric.InnerProduct)]
    [InlineData("flat_l2", VectorMetric.L2)]
    public void Neighbours_and_distances_are_those_of_FAISS(string name, VectorMetric metric)
    {
        JsonElement expected = Expected(name);
        IVectorIndex index = Read(name);
        Assert.Equal((metric, Dimension, 3000), (index.Metric, index.Dimension, index.Count));
        ForEachQuery((q, query) =>
        {
            var found = new Candidate[K];
            Assert.Equal(K, index.Search(query, RowFilter.None, found));
            Assert.Equal(Rows(expected.GetProperty("ids")[q]), found.Select(candidate => candidate.Row));
            float[] distances = [.. expected.GetProperty("distances")[q].EnumerateArray().Select(value => value.GetSingle())];
            Assert.All(found, (candidate, rank) => Assert.Equal(distances[rank], candidate.Score, 1e-4f));
        });
    }

    [Theory]
    [InlineData("flat_ip")]
    [InlineData("flat_l2")]
    public void With_every_third_row_excluded_the_neighbours_are_those_of_FAISS(string name)
    {
        JsonElement expected = Expected(name).GetProperty("filtered_ids");
        IVectorIndex index = Read(name);
        var excluded = new RowSet(index.Count);
        excluded.AddRange([.. Enumerable.Range(0, index.Count / 3).Select(i => 3 * i)]);
        ForEachQuery((q, query) =>
        {
            var found = new Candidate[K];
            index.Search(query, new RowFilter(excluded), found);
            Assert.Equal(Rows(expected[q]), found.Select(candidate => candidate.Row));
        });
    }

    private static IVectorIndex Read(string name) => FaissFile.Read(RepositoryFolder.Shared("parity", "faiss", name + ".index"));

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

    private static IEnumerable<int> Rows(JsonElement ids) => ids.EnumerateArray().Select(id => id.GetInt32());
}
