using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Progress;

namespace NanoRecSys.Web.Client;

/// <summary>What the pages watch live.</summary>
public sealed class Feeds(IServiceProvider services, TimeProvider time, ILogger<Feeds>? logger = null)
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Unhurried = TimeSpan.FromSeconds(5);

    /// <summary>The windows that the telemetry page offers, in seconds.</summary>
    public static IReadOnlyList<int> Windows { get; } = [60, 300, 1800];

    /// <summary>Each second until the API can serve, then unhurriedly.</summary>
    public LiveFeed<Readiness> Readiness { get; } = new(
        new PatientReadiness(cancellation => Client(services).ReadinessAsync(cancellation)).ReadAsync,
        reading => reading.Value?.State == ReadinessState.Ready ? Unhurried : Second,
        time, logger);

    /// <summary>Each second while a training runs.</summary>
    public LiveFeed<TrainingStatus> Training { get; } = new(
        cancellation => Client(services).TrainingAsync(cancellation),
        reading => reading.Value?.Events is [.., { State: not ProgressEvent.Running }] ? Unhurried : Second,
        time, logger);

    /// <summary>The runs in short: they change with each epoch at most.</summary>
    public LiveFeed<TrainingRuns> Runs { get; } = new(
        cancellation => Client(services).RunsAsync(cancellation), _ => Unhurried, time, logger);

    /// <summary>The versions; often enough to see a change happen.</summary>
    public LiveFeed<ModelList> Models { get; } = new(
        cancellation => Client(services).ModelsAsync(cancellation), _ => Second, time, logger);

    public LiveFeed<SystemView> System { get; } = new(
        cancellation => SystemView.ReadAsync(Client(services), cancellation), _ => Unhurried, time, logger);

    private readonly Dictionary<int, LiveFeed<TelemetrySnapshot>> _telemetry = Windows.ToDictionary(
        window => window,
        window => new LiveFeed<TelemetrySnapshot>(
            cancellation => Client(services).TelemetryAsync(window, cancellation), _ => Second, time, logger));

    /// <param name="windowSeconds">One of <see cref="Windows"/>.</param>
    public LiveFeed<TelemetrySnapshot> Telemetry(int windowSeconds) => _telemetry[windowSeconds];

    // A client for each read: its handler is renewed then, as the factory intends.
    private static RecommenderClient Client(IServiceProvider services) => services.GetRequiredService<RecommenderClient>();
}
