using System.Diagnostics;
using System.Text.Json;

namespace NanoRecSys.Api.Pipeline;

/// <summary>
/// Runs a request's code before <c>/readyz</c> answers 200: the first hundred requests are compiled while they run, and under load a
/// cold process rejects nearly all of them. Runs only once; for a later version the code is already compiled.
/// </summary>
/// <remarks>
/// If a version is published, the server listens only after the warm-up: a replica that restarts between two <c>/readyz</c> probes of its load
/// balancer receives requests as soon as it accepts connections. A refused connection is retried on another replica.
/// </remarks>
internal sealed class RequestWarmUp(ServedModel served, ItemStore items, ILogger<RequestWarmUp> logger) : BackgroundService
{
    private const int Rounds = 60; // the runtime optimizes methods that were called 30 times
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan LatestListening = TimeSpan.FromSeconds(30); // a hanging artifacts folder must not prevent the service from reporting the reason

    private volatile bool _isDone;

    public bool IsDone => _isDone;

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await base.StartAsync(cancellationToken);
        await Task.WhenAny(FirstVersionAsync(), Task.Delay(LatestListening, cancellationToken));
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        SnapshotLease? lease;
        while ((lease = served.Lease()) is null)
        {
            await Task.Delay(Poll, stoppingToken);
        }

        using (lease)
        {
            long started = Stopwatch.GetTimestamp();
            try
            {
                for (int round = 0; round < Rounds && Stopwatch.GetElapsedTime(started) < Longest; round++)
                {
                    await RecommendAsync(lease.Model, round);
                }
            }
            catch (Exception e) when (e is not OperationCanceledException) // the service is then slower, not broken
            {
                logger.LogWarning(e, "The request path was not warmed up");
            }
        }

        _isDone = true;
    }

    private async Task FirstVersionAsync()
    {
        await served.FirstLook;
        if (served.Artifacts is not null)
        {
            await ExecuteTask!;
        }
    }

    private async Task RecommendAsync(ModelSnapshot model, int round)
    {
        if (model.Histories.UserCount == 0)
        {
            return;
        }

        EntityId user = model.Histories.Users[round % model.Histories.UserCount];
        using JsonDocument json = JsonDocument.Parse(
            $$"""{"filters": {"year_from": 1}, "user_id": {{JsonSerializer.Serialize(user)}}, "explain": true, "include_history": true, "diversity": 0.3}""");
        RecommendationRequest request = RequestReader.User(BodyFields.Parse(json.RootElement));
        ServedCatalog catalog = items.Extend(model);
        History history = HistoryReader.Read(catalog, request, UserEvents.None);
        ListRules rules = ListRules.Of(catalog, request);
        Candidate[] best = Recommender.Recommend(catalog, history, request, rules);
        var response = new RecommendationResponse
        {
            Entry = CacheEntry.Create(catalog, request, history, eventsStamp: 0, best, rules, Explainer.Influence(catalog, best, history), fallbackReason: null),
            Mode = Modes.Live,
        };
        await response.ExecuteAsync(new DefaultHttpContext());
    }
}
