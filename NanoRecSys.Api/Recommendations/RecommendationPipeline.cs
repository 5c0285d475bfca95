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
    ServedModel served, AddedMovies added, RecommendationCache cache, HistoryReader histories, UserEncoder encoder, CandidateRetriever retriever,
    CandidateRanker ranker, PopularItems popular, AnswerWriter writer, RecommendationTelemetry telemetry, RequestCounters counters,
    IOptions<RecommendationOptions> options, ILogger<RecommendationPipeline> logger)
{
    private const string ModelFailed = "model_error";

    /// <summary>Answers one query from one snapshot of the model.</summary>
    /// <param name="query">Checked.</param>
    /// <param name="requestId">For the answer, the traces and the log.</param>
    /// <returns>Null before the first model is served.</returns>
    public async Task<RecommendResponse?> RecommendAsync(RecommendationQuery query, string requestId)
    {
        ArgumentNullException.ThrowIfNull(query);
        using SnapshotLease? lease = served.Lease(query.Bucket);
        if (lease is null)
        {
            return null;
        }

        ModelSnapshot model = lease.Model;
        ServedCatalog catalog = new(model, model.Extend(added.Current));
        using RequestTimeline timeline = telemetry.Begin(requestId);
        string key = CacheKey.Of(query, model.Version, options.Value.Candidates, catalog.News.Count);
        CacheLookup cached = await timeline.RunAsync(StageNames.CacheGet, () => cache.GetAsync(key, query.UserId));
        if (cached.Answer is { } known)
        {
            return Respond(known, timeline, cached.Result, whole: true);
        }

        History history = await timeline.RunAsync(StageNames.History, () => histories.ReadAsync(catalog, query, cached.Events));
        string? fallbackReason = history.EmptyReason;
        Candidate[] ranked = [];
        if (fallbackReason is null)
        {
            try
            {
                float[] user = timeline.Run(StageNames.Encode, () => encoder.Encode(model, history)); // [D]
                Candidate[] candidates = timeline.Run(StageNames.Retrieve, () => retriever.Retrieve(catalog, user, history, query)); // [C]
                ranked = timeline.Run(StageNames.Rank, () => ranker.Rank(model, user, history, candidates, catalog.News)); // [C]
            }
            catch (OnnxRuntimeException e)
            {
                logger.LogError(e, "Model {Version} failed in request {RequestId}", model.Version, timeline.RequestId);
                counters.CountError();
                fallbackReason = ModelFailed;
            }
        }

        if (fallbackReason is not null)
        {
            ranked = popular.Take(catalog, history, query);
        }

        ranked = query.Shape.Choose(catalog, ranked, query.K);
        Answer answer = writer.Write(catalog, query, history, ranked, fallbackReason);
        bool whole = fallbackReason != ModelFailed && cached.Result != CacheResults.Error && history.IsWhole;
        if (whole)
        {
            whole = await timeline.RunAsync(StageNames.CacheSet, () => cache.SetAsync(key, answer));
        }

        return Respond(answer, timeline, cached.Result, whole);
    }

    private RecommendResponse Respond(Answer answer, RequestTimeline timeline, string cacheResult, bool whole)
    {
        string mode = whole && served.Refusal is null ? Modes.Live : Modes.Degraded;
        counters.CountRequest();
        timeline.Complete(mode, cacheResult, answer.Version);
        logger.LogDebug("Answered {RequestId} with {Count} movies of {Version} in {Elapsed} ms ({Mode}, cache: {Cache})",
            timeline.RequestId, answer.Movies.Count, answer.Version, timeline.ElapsedMs, mode, cacheResult);
        return new RecommendResponse
        {
            MovieIds = [.. answer.Movies.Select(movie => movie.MovieId)],
            Scores = answer.Scores,
            Explanations = answer.Explanations ?? [],
            Reasons = answer.Reasons,
            History = answer.History,
            Movies = answer.Movies,
            DebugTiming = Timing(answer, timeline, cacheResult),
            RequestId = timeline.RequestId,
            ServedFromCache = cacheResult == CacheResults.Hit,
            Mode = mode,
            Version = answer.Version,
            Stages = timeline.Stages,
            UnknownMovieIds = answer.UnknownMovieIds,
        };
    }

    private static DebugTiming Timing(Answer answer, RequestTimeline timeline, string cacheResult) =>
        cacheResult == CacheResults.Hit ? new DebugTiming { Source = "cache", FallbackReason = answer.FallbackReason }
        : answer.FallbackReason is { } reason ? new DebugTiming { FallbackReason = reason }
        : new DebugTiming
        {
            EmbeddingMs = timeline.Of(StageNames.Encode),
            RetrievalMs = timeline.Of(StageNames.Retrieve),
            RankingMs = timeline.Of(StageNames.Rank),
            TotalMs = timeline.ElapsedMs,
        };
}
