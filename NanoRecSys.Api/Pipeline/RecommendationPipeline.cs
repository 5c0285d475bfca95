using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;

namespace NanoRecSys.Api.Pipeline;

/// <summary>The whole request: cache, history, encode, retrieve, rank, explain, respond.</summary>
internal sealed class RecommendationPipeline(
    ServedModel served, RecommendationCache cache, ComputeLimiter limiter, RecommendationTelemetry telemetry, Outages outages,
    IOptions<RecommendationOptions> options)
{
    private const string ModelFailed = "model_error";
    private const string Overloaded = "overloaded";

    private readonly SharedComputations _shared = new();

    /// <param name="request">A validated request.</param>
    /// <param name="catalog">One snapshot of the model, leased until this returns, with the item changes since the training.</param>
    /// <param name="requestId">For the response, the traces and the log.</param>
    public async Task<RecommendationResponse> RecommendAsync(RecommendationRequest request, ServedCatalog catalog, string requestId)
    {
        ModelSnapshot model = catalog.Model;
        using RequestTimeline timeline = telemetry.Begin(requestId);
        string key = CacheKey.Of(request, model.Version, options.Value.Candidates, catalog);
        CacheLookup cached = await timeline.RunAsync(StageNames.CacheGet, () => cache.GetAsync(key, request.UserId));
        timeline.CacheSource = cached.Source;
        RecommendationResponse response = cached.Entry is { } known
            ? new() { Entry = known, Mode = Modes.Live, DebugTiming = new DebugTiming { Source = "cache", FallbackReason = known.FallbackReason } }
            // The key includes the user's events: a request after an event must not share an older result.
            : await _shared.RunAsync($"{key}#{cached.Events?.Stamp}", ComputeAsync, WaitAsync);

        string mode = served.Refusal is null ? response.Mode : Modes.Degraded;
        timeline.Complete(request, mode, response.DebugTiming.FallbackReason, cached.Result, model.Version);
        DebugTiming timing = response.DebugTiming;
        return response with
        {
            DebugTiming = timing.EmbeddingMs is null ? timing : timing with { TotalMs = timeline.ElapsedMs },
            RequestId = requestId,
            ServedFromCache = cached.Result == CacheResults.Hit,
            Mode = mode,
            Stages = timeline.Stages,
        };

        ValueTask<RecommendationResponse> WaitAsync(Task<RecommendationResponse> running) =>
            timeline.RunAsync(StageNames.Shared, () => new ValueTask<RecommendationResponse>(running));

        async Task<RecommendationResponse> ComputeAsync()
        {
            History history = await timeline.RunAsync(StageNames.History, async () =>
                HistoryReader.Read(catalog, request, await cache.ReadEventsAsync(request.UserId, cached)));

            // Held until the reasons are measured, because they run the network more often than the list does.
            using IDisposable? permit = history.EmptyReason is null ? await limiter.EnterAsync(timeline) : null;
            string? fallback = history.EmptyReason ?? (permit is null ? Overloaded : null);
            if (fallback == Overloaded && limiter.Refuses)
            {
                return new RecommendationResponse { Mode = Modes.Degraded };
            }

            ListRules rules = ListRules.Of(catalog, request);
            Candidate[]? ranked = null; // [C], best first
            if (fallback is null)
            {
                ranked = outages.TryModel(model, requestId, () =>
                {
                    float[] user = timeline.Run(StageNames.Encode, () => Recommender.Encode(catalog, history)); // [D]
                    Candidate[] candidates = timeline.Run(
                        StageNames.Retrieve, () => Recommender.Retrieve(catalog, user, history, request, rules, options.Value.Candidates)); // [C]
                    return timeline.Run(StageNames.Rank, () => Recommender.Rank(catalog, user, history, candidates, rules)); // [C]
                });
                fallback = ranked is null ? ModelFailed : null;
            }

            ranked ??= Recommender.Popular(catalog, history, request, rules);
            Candidate[] best = Recommender.Arrange(catalog, ranked, request, rules); // [K]

            Reason[]? reasons = null; // [K]
            bool isExplained = true;
            if (request.Explain)
            {
                reasons = timeline.Run(StageNames.Explain, () => fallback is null
                    ? outages.TryModel(model, requestId, () => Explainer.Influence(catalog, best, history))
                    : Explainer.Popularity(catalog, best, history));
                isExplained = reasons is not null;
                reasons ??= Explainer.Likeness(catalog, best, history);
            }

            CacheEntry entry = CacheEntry.Create(catalog, request, history, cached.Events?.Stamp ?? 0, best, rules, reasons, fallback);
            bool isWhole = fallback is not (ModelFailed or Overloaded) && isExplained && cached.Result != CacheResults.Error && history.IsWhole;
            if (isWhole)
            {
                timeline.Run(StageNames.CacheSet, () => cache.Set(key, cached, entry));
            }

            return new RecommendationResponse
            {
                Entry = entry,
                Mode = isWhole ? Modes.Live : Modes.Degraded,
                DebugTiming = fallback is not null
                    ? new DebugTiming { FallbackReason = fallback }
                    : new DebugTiming
                    {
                        EmbeddingMs = timeline.Of(StageNames.Encode),
                        RetrievalMs = timeline.Of(StageNames.Retrieve),
                        RankingMs = timeline.Of(StageNames.Rank),
                    },
            };
        }
    }
}

/// <summary>Concurrent requests for the same list: one computes it, the others take its result.</summary>
internal sealed class SharedComputations
{
    private readonly ConcurrentDictionary<string, Task<RecommendationResponse>> _running = new(StringComparer.Ordinal);

    /// <param name="key">Everything that the list depends on.</param>
    /// <param name="compute">Called if no other request is computing it.</param>
    /// <param name="wait">Called around another request's computation.</param>
    public async Task<RecommendationResponse> RunAsync(
        string key, Func<Task<RecommendationResponse>> compute, Func<Task<RecommendationResponse>, ValueTask<RecommendationResponse>> wait)
    {
        var mine = new TaskCompletionSource<RecommendationResponse>(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<RecommendationResponse> running = _running.GetOrAdd(key, mine.Task);
        if (running != mine.Task)
        {
            return await wait(running);
        }

        try
        {
            RecommendationResponse computed = await compute();
            mine.SetResult(computed);
            return computed;
        }
        catch (Exception e)
        {
            mine.SetException(e);
            _ = mine.Task.Exception; // marks it as observed, because possibly no request waits for it
            throw;
        }
        finally
        {
            _running.TryRemove(key, out _);
        }
    }
}

/// <summary>Section <c>Recommendations</c>. Settings that belong to a model are in its manifest.</summary>
internal sealed class RecommendationOptions
{
    public const string Section = "Recommendations";

    /// <summary>Number of the retriever's top items that the ranker scores; at least offset + K.</summary>
    [Range(1, 10_000)]
    public int Candidates { get; set; } = Recommender.DefaultCandidates;

    /// <summary>How long a list may be served from the cache.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan CacheLifetime { get; set; } = TimeSpan.FromSeconds(300);

    /// <summary>Memory for cached lists in this process, in front of Redis; 0 disables it. Used only while event notices are received.</summary>
    [Range(0, long.MaxValue)]
    public long MemoryBytes { get; set; } = 64 << 20;
}
