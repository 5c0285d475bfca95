using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Microsoft.Extensions.Options;
using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Api.Items;
using NanoRecSys.Api.Models;
using NanoRecSys.Api.Status;
using NanoRecSys.Api.Telemetry;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Recommendations;

/// <summary>The whole request: cache, history, encode, retrieve, rank, respond.</summary>
internal sealed class RecommendationPipeline(
    ServedModel served, AddedMovies added, RecommendationCache cache, SharedComputations shared, ComputeTurns turns, HistoryReader histories,
    CandidateRetriever retriever, RecommendationTelemetry telemetry, RequestCounters counters, TimeProvider time,
    IOptions<RecommendationOptions> options, ILogger<RecommendationPipeline> logger)
{
    private const string ModelFailed = "model_error";
    private const string Overloaded = "overloaded";

    /// <summary>Answers one query from one snapshot of the model.</summary>
    /// <param name="query">Checked.</param>
    /// <param name="model">Leased until this returns.</param>
    /// <param name="requestId">For the answer, the traces and the log.</param>
    public async Task<Recommendation> RecommendAsync(RecommendationQuery query, ModelSnapshot model, string requestId)
    {
        ServedCatalog catalog = new(model, model.Extend(added.Current));
        using RequestTimeline timeline = telemetry.Begin(requestId);
        string key = CacheKey.Of(query, model.Version, options.Value.Candidates, catalog.News.Count);
        CacheLookup cached = await timeline.RunAsync(StageNames.CacheGet, () => cache.GetAsync(key, query.UserId));
        if (cached.Answer is { } known)
        {
            timeline.CacheSource = cached.Source;
            return Respond(new Computed(known, IsWhole: true, new DebugTiming { Source = "cache", FallbackReason = known.FallbackReason }), catalog, timeline, cached.Result);
        }

        // With the number of events: who comes after one must not be given what was computed before it.
        string computation = string.Create(CultureInfo.InvariantCulture, $"{key}#{cached.Events?.Count}");
        Computed computed = await shared.RunAsync(
            computation,
            () => ComputeAsync(catalog, query, key, cached, timeline),
            running => timeline.RunAsync(StageNames.Shared, () => new ValueTask<Computed>(running)).AsTask());
        return Respond(computed, catalog, timeline, cached.Result);
    }

    private async Task<Computed> ComputeAsync(ServedCatalog catalog, RecommendationQuery query, string key, CacheLookup cached, RequestTimeline timeline)
    {
        History history = timeline.Run(StageNames.History, () => histories.Read(catalog, query, cached.Events));
        // Held until the reasons are measured: they ask the network more often than the list did.
        using IDisposable? turn = history.EmptyReason is null ? await turns.EnterAsync(timeline) : null;
        string? fallbackReason = history.EmptyReason ?? (turn is null ? Overloaded : null);
        if (fallbackReason == Overloaded && turns.Refuses)
        {
            return Computed.Refused;
        }

        Candidate[]? ranked = fallbackReason is null ? Ask(catalog.Model, timeline, () => Rank(catalog, query, history, timeline)) : null; // [C]
        if (ranked is null)
        {
            fallbackReason ??= ModelFailed;
            ranked = PopularItems.Take(catalog, history, query);
        }

        Candidate[] best = [.. query.Shape.Choose(catalog, ranked, query.K).Take(query.K)]; // [K]
        RecommendationReason[]? reasons = !query.Explain ? null : timeline.Run(StageNames.Explain, () => fallbackReason is not null
            ? Explainer.Popularity(catalog, best, history)
            : Ask(catalog.Model, timeline, () => Explainer.Influence(catalog, best, history)));
        bool isExplained = reasons is not null || !query.Explain;
        reasons ??= isExplained ? null : Explainer.Likeness(catalog, best, history);
        StoredAnswer answer = StoredAnswer.Of(AnswerWriter.Write(catalog, query, history, best, reasons, fallbackReason), time.GetUtcNow());
        bool isWhole = fallbackReason is not (ModelFailed or Overloaded) && isExplained && cached.Result != CacheResults.Error && history.IsWhole;
        if (isWhole)
        {
            timeline.Run(StageNames.CacheSet, () => cache.Set(key, cached, answer));
        }

        return new Computed(answer, isWhole, Timing(fallbackReason, timeline));
    }

    private Candidate[] Rank(ServedCatalog catalog, RecommendationQuery query, History history, RequestTimeline timeline)
    {
        ModelSnapshot model = catalog.Model;
        float[] user = timeline.Run(StageNames.Encode, () => UserEncoder.Encode(model, history)); // [D]
        Candidate[] candidates = timeline.Run(StageNames.Retrieve, () => retriever.Retrieve(catalog, user, history, query)); // [C]
        return timeline.Run(StageNames.Rank, () => CandidateRanker.Rank(model, user, history, candidates, catalog.News)); // [C]
    }

    /// <summary>The one place where a request goes on without the network: counted, and in the log.</summary>
    /// <returns>Null where it failed.</returns>
    private T? Ask<T>(ModelSnapshot model, RequestTimeline timeline, Func<T> network)
        where T : class
    {
        try
        {
            return network();
        }
        catch (OnnxRuntimeException e)
        {
            logger.LogError(e, "Model {Version} failed in request {RequestId}", model.Version, timeline.RequestId);
            counters.CountModelError();
            return null;
        }
    }

    private Recommendation Respond(Computed computed, ServedCatalog catalog, RequestTimeline timeline, string cacheResult)
    {
        string mode = computed.IsWhole && served.Refusal is null ? Modes.Live : Modes.Degraded;
        counters.CountRequest();
        timeline.Complete(mode, cacheResult, catalog.Model.Version);
        DebugTiming timing = computed.Timing.EmbeddingMs is null ? computed.Timing : computed.Timing with { TotalMs = timeline.ElapsedMs };
        return new Recommendation(computed.Answer, new RequestPart(timing, timeline.RequestId, cacheResult == CacheResults.Hit, mode, timeline.Stages));
    }

    private static DebugTiming Timing(string? fallbackReason, RequestTimeline timeline) => fallbackReason is null
        ? new DebugTiming
        {
            EmbeddingMs = timeline.Of(StageNames.Encode),
            RetrievalMs = timeline.Of(StageNames.Retrieve),
            RankingMs = timeline.Of(StageNames.Rank),
        }
        : new DebugTiming { FallbackReason = fallbackReason };
}

/// <summary>Section <c>Recommendations</c>. What belongs to a model is in its manifest, not here.</summary>
internal sealed class RecommendationOptions
{
    public const string Section = "Recommendations";

    /// <summary>How many of the retriever's best the ranker sees; at least K are taken.</summary>
    [Range(1, 10_000)]
    public int Candidates { get; set; } = 100;

    /// <summary>How long an answer may be served from the cache.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan CacheLifetime { get; set; } = TimeSpan.FromSeconds(300);

    /// <summary>Memory for answers in this process, in front of Redis; 0 keeps none. Used only while events are heard of.</summary>
    [Range(0, long.MaxValue)]
    public long MemoryBytes { get; set; } = 64 << 20;
}

/// <summary>What a computation came to.</summary>
/// <param name="Answer">Null where it was refused for want of capacity.</param>
/// <param name="IsWhole">Whether every part did its share: false makes the response <c>degraded</c>.</param>
/// <param name="Timing">Of its stages; the total is each request's own.</param>
internal sealed record Computed(StoredAnswer? Answer, bool IsWhole, DebugTiming Timing)
{
    /// <summary>The queue was full, and the settings ask for a 503.</summary>
    public static readonly Computed Refused = new(null, false, new DebugTiming());
}

/// <summary>A response: an answer, and what it says of its request. Without an answer the request was refused.</summary>
internal sealed record Recommendation(StoredAnswer? Answer, RequestPart Request);

/// <summary>Whether an answer, or the service, is what it would be with every part at work.</summary>
internal static class Modes
{
    /// <summary>Every part that is configured works. An unknown user's popular items are live too.</summary>
    public const string Live = "live";

    /// <summary>A part is away: Redis, the model, or the version that should be served.</summary>
    public const string Degraded = "degraded";
}

/// <summary>What a response says of its request, beside the <see cref="Answer"/> that it may share with others.</summary>
internal sealed record RequestPart(
    DebugTiming DebugTiming, string RequestId, bool ServedFromCache, string Mode, IReadOnlyList<StageTiming> Stages);
