using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using NanoRecSys.Api.Models;
using NanoRecSys.Api.Recommendations;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Benchmarks.Micro;

/// <summary>The stages of one request, each alone, with the serving classes, on a version that <c>scale</c> published.</summary>
public class StageBenchmarks
{
    private const int K = 10;

    /// <summary>The artifacts folder; set before the benchmarks start.</summary>
    internal static string Artifacts { get; set; } = "";

    private readonly IOptions<RecommendationOptions> _options = Options.Create(new RecommendationOptions());
    private readonly RecommendationQuery _query = new() { UserId = 1, K = K };
    private CandidateRetriever _retriever = null!;
    private AnswerMemory _memory = null!;
    private ModelSnapshot _model = null!;
    private ServedCatalog _catalog = null!;
    private History _short = null!;
    private History _median = null!;
    private History _long = null!;
    private float[] _user = [];
    private Candidate[] _candidates = [];
    private Candidate[] _best = [];

    [GlobalSetup]
    public async Task LoadAsync()
    {
        var store = new ArtifactStore(Artifacts);
        string version = store.ReadCurrent() ?? throw new InvalidOperationException($"Nothing is published in {Artifacts}. Run 'scale --artifacts {Artifacts}' first.");
        var loader = new ModelLoader(store, Options.Create(new ModelsOptions()), Options.Create(new IndexEngineOptions()), NullLogger<ModelLoader>.Instance);
        _model = await loader.LoadAsync(version, CancellationToken.None);
        _catalog = new ServedCatalog(_model, _model.Extend([]));
        _retriever = new CandidateRetriever(_options);
        (_short, _median, _long) = (HistoryOf(20), HistoryOf(68), HistoryOf(200));
        _user = UserEncoder.Encode(_model, _median);
        _candidates = _retriever.Retrieve(_catalog, _user, _median, _query);
        _best = CandidateRanker.Rank(_model, _user, _median, _candidates, _catalog.News)[..K];
        _memory = new AnswerMemory(_options, TimeProvider.System);
        _memory.Keep(Key(), stamp: 0, Answer());
    }

    [Benchmark]
    public float[] EncodeTwenty() => UserEncoder.Encode(_model, _short);

    [Benchmark]
    public float[] EncodeMedian() => UserEncoder.Encode(_model, _median);

    [Benchmark]
    public float[] EncodeTwoHundred() => UserEncoder.Encode(_model, _long);

    [Benchmark]
    public object Retrieve() => _retriever.Retrieve(_catalog, _user, _median, _query);

    [Benchmark]
    public object Rank() => CandidateRanker.Rank(_model, _user, _median, _candidates, _catalog.News);

    /// <summary>The answer's JSON, as it is sent and kept.</summary>
    [Benchmark]
    public object Respond() => Answer();

    /// <summary>What a hit looks up: the key, and the answer behind it in this process.</summary>
    [Benchmark]
    public object? Hit() => _memory.Get(Key(), stamp: 0);

    private StoredAnswer Answer() => StoredAnswer.Of(AnswerWriter.Write(_catalog, _query, _median, _best, null, null), DateTimeOffset.UtcNow);

    private string Key() => CacheKey.Of(_query, _model.Version, _options.Value.Candidates);

    // Distinct rows of the catalog in shuffled order.
    private History HistoryOf(int length) => new([.. Enumerable.Range(0, length).Select(i => i * 131 % _model.Catalog.Count).Distinct()]);
}
