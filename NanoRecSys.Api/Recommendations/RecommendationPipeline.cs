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
public sealed class RecommendationPipeline(
    ServedModel served, AddedMovies added, RecommendationCache cache, SharedComputations shared, ComputeTurns turns, HistoryReader histories,
    UserEncoder encoder, CandidateRetriever retriever, CandidateRanker ranker, PopularItems popular, Explainer explainer,
    RecommendationTelemetry telemetry, RequestCounters counters, TimeProvider time, IOptions<RecommendationOptions> options,
    ILogger<RecommendationPipeline> logger)
{
    private const string ModelFailed = "model_error";
    private const string Overloaded = "overloaded";

    /// <summary>Answers one query from one snapshot of the model.</summary>
    /// <param name="query">Checked.</param>
    /// <param name="model">Leased until this returns.</param>
    /// <param name="requestId">For the answer, the traces and the log.</param>
    public async Task<Recommendation> RecommendAsync(RecommendationQuery query, ModelSnapshot model, string requestId)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(model);
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
            ranked = popular.Take(catalog, history, query);
        }

        Candidate[] best = [.. query.Shape.Choose(catalog, ranked, query.K).Take(query.K)]; // [K]
        RecommendationReason[]? reasons = !query.Explain ? null : timeline.Run(StageNames.Explain, () => fallbackReason is not null
            ? explainer.Popularity(catalog, best, history)
            : Ask(catalog.Model, timeline, () => explainer.Influence(catalog, best, history)));
        bool isExplained = reasons is not null || !query.Explain;
        reasons ??= isExplained ? null : explainer.Likeness(catalog, best, history);
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
        float[] user = timeline.Run(StageNames.Encode, () => encoder.Encode(model, history)); // [D]
        Candidate[] candidates = timeline.Run(StageNames.Retrieve, () => retriever.Retrieve(catalog, user, history, query)); // [C]
        return timeline.Run(StageNames.Rank, () => ranker.Rank(model, user, history, candidates, catalog.News)); // [C]
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
