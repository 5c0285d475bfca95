using NanoRecSys.Core.Kernels;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Indexing;

namespace NanoRecSys.UnitTests.Training.Indexing;

public sealed class IndexBuilderTests : FolderTests
{
    private const int K = 10;
    private const int Queries = 50;
    private readonly float[] _queries = RandomVectors.Clustered(Queries, SmallIndexes.Dimension, centres: 60, seed: 21);

    public static TheoryData<string, VectorMetric> Cases() => SmallIndexes.Cases();

    [Theory]
    [MemberData(nameof(Cases))]
    public void Most_true_neighbours_are_found(string kind, VectorMetric metric)
    {
        // Measured recall: lists 1.00 (flat), .97 (sq8), .62 to .66 (pq), hnsw at least .98. One probe of 40 finds far fewer.
        double minimum = kind switch { IndexKinds.Flat => 1, IndexKinds.IvfFlat => 0.95, IndexKinds.IvfScalar => 0.93, IndexKinds.IvfProduct => 0.5, _ => 0.95 };
        Assert.InRange(Recall(SmallIndexes.Shared(kind, metric), metric), minimum, 1);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Any_number_of_threads_builds_the_same_file(string kind, VectorMetric metric)
    {
        byte[][] files = [.. new[] { 1, 3 }.Select(threads =>
        {
            string path = Folder.File($"{threads}.index");
            FaissFile.Write(path, SmallIndexes.Build(SmallIndexes.Shape(kind), metric, threads, rows: 1200));
            return File.ReadAllBytes(path);
        })];
        Assert.Equal(files[0], files[1]);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_narrow_filter_returns_all_matching_rows(string kind, VectorMetric metric)
    {
        IVectorIndex index = SmallIndexes.Shared(kind, metric);
        var filter = new RowFilter(RowSets.Of(index.Count, 0, 97, 5), RowSets.Of(index.Count, [.. Enumerable.Range(0, 30).Select(i => i * 97)]));
        var found = new Candidate[40];
        for (int q = 0; q < Queries; q++)
        {
            int count = index.Search(Query(q), filter, found);
            Assert.Equal(Enumerable.Range(2, 28).Select(i => i * 97), found[..count].Select(candidate => candidate.Row).Order());
            Assert.Equal(K, index.Search(Query(q), filter, found.AsSpan(0, K)));
        }
    }

    [Theory]
    [InlineData(VectorMetric.InnerProduct)]
    [InlineData(VectorMetric.L2)]
    public void A_wide_filter_does_not_lower_recall(VectorMetric metric)
    {
        IVectorIndex index = SmallIndexes.Shared(IndexKinds.Hnsw, metric);
        var excluded = new RowSet(index.Count);
        for (int q = 0; q < Queries; q++)
        {
            excluded.AddRange([.. Exact(index, metric, Query(q), RowFilter.None)[..3].Select(candidate => candidate.Row)]); // the nearest
        }

        Assert.InRange(excluded.Count, 50, 300); // of 3,000: the rows left are many times those that a search visits
        Assert.InRange(Recall(index, metric, new RowFilter(excluded)), 0.9, 1);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void All_instruction_sets_find_the_same(string kind, VectorMetric metric)
    {
        IVectorIndex index = SmallIndexes.Shared(kind, metric);
        var expected = new Candidate[K];
        var found = new Candidate[K];
        foreach (IVectorIndex forced in VectorKernels.Supported.Select(level => SmallIndexes.With(index, level)))
        {
            for (int q = 0; q < Queries; q++)
            {
                Assert.Equal(K, index.Search(Query(q), RowFilter.None, expected));
                Assert.Equal(K, forced.Search(Query(q), RowFilter.None, found));
                Assert.Equal(expected.Select(candidate => candidate.Row), found.Select(candidate => candidate.Row));
                Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First.Score, pair.Second.Score, 1e-3f));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_search_allocates_nothing(string kind, VectorMetric metric)
    {
        IVectorIndex index = SmallIndexes.Shared(kind, metric);
        var found = new Candidate[K];
        for (int q = 0; q < Queries; q++)
        {
            index.Search(Query(q), RowFilter.None, found);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        index.Search(Query(0), RowFilter.None, found);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Unreachable_rows_of_the_graph_are_rare()
    {
        var index = (HnswIndex)SmallIndexes.Shared(IndexKinds.Hnsw, VectorMetric.L2);
        index.Graph.RequireSound();
        var found = new Candidate[1];
        int missed = Enumerable.Range(0, index.Count).Count(row =>
            index.Search(SmallIndexes.Vectors.AsSpan(row * SmallIndexes.Dimension, SmallIndexes.Dimension), RowFilter.None, found) == 0 || found[0].Row != row);
        Assert.InRange(missed, 0, index.Count / 100);
    }

    [Fact]
    public void Building_can_be_stopped()
    {
        using var stop = new CancellationTokenSource();
        var control = new BuildControl(Seed: 1, Threads: 1, share => stop.Cancel(), stop.Token);
        Assert.Throws<OperationCanceledException>(() =>
            IndexBuilder.Build(SmallIndexes.Vectors, SmallIndexes.Dimension, SmallIndexes.Shape(IndexKinds.Hnsw), VectorMetric.L2, control));
    }

    private double Recall(IVectorIndex index, VectorMetric metric) => Recall(index, metric, RowFilter.None);

    private double Recall(IVectorIndex index, VectorMetric metric, RowFilter filter)
    {
        int shared = 0;
        var found = new Candidate[K];
        for (int q = 0; q < Queries; q++)
        {
            ReadOnlySpan<float> query = Query(q);
            Candidate[] all = Exact(index, metric, query, filter);
            Assert.Equal(K, index.Search(query, filter, found));
            Assert.All(found, candidate => Assert.True(filter.Admits(candidate.Row)));
            shared += found.IntersectBy(all.Select(candidate => candidate.Row), candidate => candidate.Row).Count();
        }

        return (double)shared / (Queries * K);
    }

    private static Candidate[] Exact(IVectorIndex index, VectorMetric metric, ReadOnlySpan<float> query, RowFilter filter)
    {
        var all = new Candidate[K];
        var best = new TopK(all);
        for (int row = 0; row < index.Count; row++)
        {
            if (filter.Admits(row))
            {
                best.Offer(row, new PortableKernel().Score(metric, query, SmallIndexes.Vectors.AsSpan(row * SmallIndexes.Dimension, SmallIndexes.Dimension)));
            }
        }

        best.SortBestFirst();
        return all;
    }

    private ReadOnlySpan<float> Query(int q) => _queries.AsSpan(q * SmallIndexes.Dimension, SmallIndexes.Dimension);
}
