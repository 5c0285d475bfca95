using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.UnitTests.Fixtures;

namespace NanoRecSys.UnitTests.Core.Retrieval;

public sealed class FaissRoundTripTests : IDisposable
{
    private const int Rows = 200;
    private const int Dimension = 12;
    private const int K = 5;
    private readonly TemporaryFolder _folder = new();
    private readonly float[] _vectors = new float[Rows * Dimension];

    public FaissRoundTripTests()
    {
        var random = new Random(5);
        for (int i = 0; i < _vectors.Length; i++)
        {
            _vectors[i] = random.NextSingle() - 0.5f;
        }
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(VectorMetric.InnerProduct, 0)]
    [InlineData(VectorMetric.L2, 1)]
    public void FAISS_reads_what_we_write_and_finds_the_same(VectorMetric metric, int metricOfFaiss)
    {
        const string Script = """
            import sys, faiss
            index = faiss.read_index(sys.argv[1])
            print(index.metric_type, index.is_trained, index.ntotal, index.d)
            _, ids = index.search(index.reconstruct_n(0, 3), int(sys.argv[2]))
            print(' '.join(str(i) for i in ids.flatten()))
            """;
        string path = _folder.File("ours.index");
        var index = new FlatIndex(_vectors, Dimension, metric);
        FaissFile.Write(path, index);

        string[] lines = PythonFaiss.Run(Script, path, $"{K}").Split('\n');

        Assert.Equal($"{metricOfFaiss} True {Rows} {Dimension}", lines[0].TrimEnd());
        Assert.Equal(Neighbours(index, queries: 3), lines[1].Split(' ').Select(int.Parse));
    }

    [Theory]
    [InlineData(VectorMetric.InnerProduct, "IndexFlatIP")]
    [InlineData(VectorMetric.L2, "IndexFlatL2")]
    public void We_read_what_FAISS_writes(VectorMetric metric, string type)
    {
        const string Script = """
            import sys, faiss, numpy
            vectors = numpy.load(sys.argv[1])
            index = getattr(faiss, sys.argv[3])(vectors.shape[1])
            index.add(vectors)
            faiss.write_index(index, sys.argv[2])
            """;
        string vectors = _folder.File("vectors.npy");
        string path = _folder.File("theirs.index");
        NpyFile.Write(vectors, _vectors, Dimension);

        PythonFaiss.Run(Script, vectors, path, type);

        var index = Assert.IsType<FlatIndex>(FaissFile.Read(path));
        Assert.Equal(metric, index.Metric);
        Assert.Equal(_vectors, index.Vectors);
    }

    private IEnumerable<int> Neighbours(FlatIndex index, int queries) => Enumerable.Range(0, queries).SelectMany(q =>
    {
        var found = new Candidate[K];
        index.Search(_vectors.AsSpan(q * Dimension, Dimension), RowFilter.None, found);
        return found.Select(candidate => candidate.Row);
    });
}
