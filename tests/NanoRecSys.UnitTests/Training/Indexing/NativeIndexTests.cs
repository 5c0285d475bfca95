using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.UnitTests.Training.Indexing;

/// <summary>The FAISS library behind the same interface, if it is installed.</summary>
public sealed class NativeIndexTests : FolderTests
{
    private const int K = 10;
    private readonly float[] _queries = RandomVectors.Clustered(20, SmallIndexes.Dimension, centres: 60, seed: 21);

    public static TheoryData<string, VectorMetric> Cases() => SmallIndexes.Cases();

    [Theory]
    [MemberData(nameof(Cases))]
    public void Both_engines_find_the_same_with_and_without_a_filter(string kind, VectorMetric metric)
    {
        IVectorIndex managed = SmallIndexes.Shared(kind, metric);
        using NativeIndex native = Open(managed);
        Assert.Equal((kind, metric, IndexEngines.Faiss, managed.Count), (native.Kind, native.Metric, native.Engine, native.Count));
        int same = 0;
        foreach (RowFilter filter in new[] { RowFilter.None, RowSets.WithoutEveryThird(managed.Count) })
        {
            for (int q = 0; q < 20; q++)
            {
                ReadOnlySpan<float> query = _queries.AsSpan(q * SmallIndexes.Dimension, SmallIndexes.Dimension);
                var ours = new Candidate[K];
                var theirs = new Candidate[K];
                Assert.Equal(K, managed.Search(query, filter, ours));
                Assert.Equal(K, native.Search(query, filter, theirs));
                Assert.All(theirs, candidate => Assert.True(filter.Admits(candidate.Row)));
                same += ours.Count(candidate => theirs.Any(other => other.Row == candidate.Row && Math.Abs(other.Score - candidate.Score) < 2e-4f));
            }
        }

        // Rows of nearly equal distance at the end of a list may differ, and graph searches differ a little.
        Assert.InRange(same, kind == IndexKinds.Hnsw ? 380 : 396, 400);
    }

    [Theory]
    [InlineData(IndexKinds.Flat, VectorMetric.L2)]
    [InlineData(IndexKinds.IvfFlat, VectorMetric.InnerProduct)]
    [InlineData(IndexKinds.IvfScalar, VectorMetric.L2)]
    [InlineData(IndexKinds.IvfProduct, VectorMetric.InnerProduct)]
    public void A_narrow_filter_returns_all_matching_rows(string kind, VectorMetric metric)
    {
        using NativeIndex native = Open(SmallIndexes.Shared(kind, metric));
        var found = new Candidate[K];
        Assert.Equal(4, native.Search(_queries.AsSpan(0, SmallIndexes.Dimension), new RowFilter(null, RowSets.Of(native.Count, 7, 700, 1400, 2999)), found));
        Assert.Equal([7, 700, 1400, 2999], found[..4].Select(candidate => candidate.Row).Order());
    }

    [Fact]
    public void A_wider_search_finds_more_and_an_unknown_parameter_is_FAISS_s_error()
    {
        using NativeIndex native = Open(SmallIndexes.Shared(IndexKinds.IvfFlat, VectorMetric.L2));
        Assert.True(SumOfDistances(probes: 40) < SumOfDistances(probes: 1));
        Assert.Contains("nprob", Assert.Throws<FaissException>(() => native.Set("nprob", 1)).Message, StringComparison.Ordinal);

        double SumOfDistances(int probes)
        {
            native.Set("nprobe", probes);
            var found = new Candidate[K];
            return Enumerable.Range(0, 20).Sum(q =>
            {
                Assert.Equal(K, native.Search(_queries.AsSpan(q * SmallIndexes.Dimension, SmallIndexes.Dimension), RowFilter.None, found));
                return found.Sum(candidate => (double)candidate.Score);
            });
        }
    }

    [Fact]
    public void An_invalid_index_file_is_refused_before_the_library_reads_it()
    {
        Assert.SkipUnless(FaissLibrary.IsAvailable, $"libfaiss_c is not installed, and {FaissLibrary.PathVariable} does not name it.");
        string path = Folder.File("no.index");
        File.WriteAllText(path, "IwPQ, or so it says");
        Assert.Throws<InvalidDataException>(() => NativeIndex.Read(path));
    }

    [Fact]
    public void Without_the_library_the_error_names_the_remedy()
    {
        Assert.SkipWhen(FaissLibrary.IsAvailable, "libfaiss_c is installed.");
        FaissException e = Assert.Throws<FaissException>(() => NativeIndex.Read(Folder.File("any.index")));
        Assert.Contains(FaissLibrary.PathVariable, e.Message, StringComparison.Ordinal);
    }

    private NativeIndex Open(IVectorIndex index)
    {
        Assert.SkipUnless(FaissLibrary.IsAvailable, $"libfaiss_c is not installed, and {FaissLibrary.PathVariable} does not name it.");
        string path = Folder.File("native.index");
        FaissFile.Write(path, index);
        return NativeIndex.Read(path);
    }
}
