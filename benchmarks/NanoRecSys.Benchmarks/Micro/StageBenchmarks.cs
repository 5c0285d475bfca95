using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using NanoRecSys.Api.Pipeline;
using NanoRecSys.Api.Serving;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.Core.Serving;

namespace NanoRecSys.Benchmarks.Micro;

/// <summary>The stages of one request, in isolation, with the serving classes, on a version published by <c>scale</c>.</summary>
public class StageBenchmarks
{
    private const int K = 10;

    internal static string Artifacts { get; set; } = ""; // the artifacts folder; set before the benchmarks start

    private readonly IOptions<RecommendationOptions> _options = Options.Create(new RecommendationOptions());
    private readonly RecommendationRequest _request = new() { UserId = 1, K = K, ShowsMovies = true };
    private CacheMemory _memory = null!;
    private ModelSnapshot _model = null!;
    private ServedCatalog _catalog = null!;
    private ListRules _rules = null!;
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
        _catalog = _model.Extend(ItemLog.Empty, DateTimeOffset.UtcNow);
        _rules = ListRules.Of(_catalog, _request);
        (_short, _median, _long) = (HistoryOf(20), HistoryOf(68), HistoryOf(200));
        _user = Recommender.Encode(_catalog, _median);
        _candidates = Recommender.Retrieve(_catalog, _user, _median, _request, _rules, _options.Value.Candidates);
        _best = Recommender.Rank(_catalog, _user, _median, _candidates, _rules)[..K];
        _memory = new CacheMemory(_options, TimeProvider.System);
        _memory.Keep(Key(), stamp: 0, Entry());
    }

    [Benchmark]
    public float[] EncodeTwenty() => Recommender.Encode(_catalog, _short);

    [Benchmark]
    public float[] EncodeMedian() => Recommender.Encode(_catalog, _median);

    [Benchmark]
    public float[] EncodeTwoHundred() => Recommender.Encode(_catalog, _long);

    [Benchmark]
    public object Retrieve() => Recommender.Retrieve(_catalog, _user, _median, _request, _rules, _options.Value.Candidates);

    [Benchmark]
    public object Rank() => Recommender.Rank(_catalog, _user, _median, _candidates, _rules);

    /// <summary>The response's JSON, as sent and cached.</summary>
    [Benchmark]
    public object Respond() => Entry();

    /// <summary>The lookup of a cache hit in this process.</summary>
    [Benchmark]
    public object? Hit() => _memory.Get(Key(), stamp: 0);

    private CacheEntry Entry() => CacheEntry.Create(_catalog, _request, _median, eventsStamp: 0, _best, _rules, reasons: null, fallbackReason: null);

    private string Key() => CacheKey.Of(_request, _model.Version, _options.Value.Candidates, _catalog);

    // Rows of the catalog in a fixed order, without repeats.
    private History HistoryOf(int length) => new([.. Enumerable.Range(0, length).Select(i => i * 131 % _model.Catalog.Count).Distinct()]);
}
