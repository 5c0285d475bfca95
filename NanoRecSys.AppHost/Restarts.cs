using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace NanoRecSys.AppHost;

/// <summary>
/// Restarts a service that ended by itself, after 1, 2, 4, 8 and 16 s. A service that then fails again stays down; the
/// others keep running. After a minute of uptime the delays start over at 1 s. A service stopped in the dashboard stays stopped.
/// </summary>
internal sealed class Restarts(
    IReadOnlyList<string> services, ResourceNotificationService notifications, ResourceCommandService commands, TimeProvider time) : BackgroundService
{
    private const int MaxRestarts = 5;
    private static readonly TimeSpan Stable = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, Instance> _instances = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (ResourceEvent change in notifications.WatchAsync(stoppingToken))
        {
            if (!services.Contains(change.Resource.Name))
            {
                continue;
            }

            if (!_instances.TryGetValue(change.ResourceId, out Instance? instance))
            {
                _instances[change.ResourceId] = instance = new Instance();
            }

            string? state = change.Snapshot.State?.Text;
            if (state == KnownResourceStates.Running)
            {
                instance.RunningSince ??= time.GetTimestamp();
            }
            else if (state == KnownResourceStates.Stopping)
            {
                instance.IsStopping = true;
            }
            else if (KnownResourceStates.TerminalStates.Contains(state) && instance.RunningSince is { } since)
            {
                instance.RunningSince = null;
                if (!instance.IsStopping)
                {
                    bool wasStable = time.GetElapsedTime(since) > Stable;
                    instance.Restarts = wasStable ? 0 : instance.Restarts;
                    _ = RestartAsync(change, instance, stoppingToken);
                }

                instance.IsStopping = false;
            }
        }
    }

    private async Task RestartAsync(ResourceEvent change, Instance instance, CancellationToken stopping)
    {
        string ended = $"{change.ResourceId} ended with exit code {change.Snapshot.ExitCode?.ToString() ?? "unknown"}";
        if (instance.Restarts == MaxRestarts)
        {
            HostConsole.Warn($"{ended} and was restarted {MaxRestarts} times. It stays down; its last lines above say why. Start it in the dashboard when that is fixed.");
            instance.Restarts = 0;
            return;
        }

        TimeSpan pause = TimeSpan.FromSeconds(1 << instance.Restarts++);
        HostConsole.Warn($"{ended}. Restarting it in {pause.TotalSeconds:0} s ({instance.Restarts} of {MaxRestarts}).");
        try
        {
            await Task.Delay(pause, time, stopping);
            ExecuteCommandResult result = await commands.ExecuteCommandAsync(change.ResourceId, KnownResourceCommands.StartCommand, stopping);
            if (!result.Success)
            {
                HostConsole.Warn($"{change.ResourceId} could not be restarted: {result.Message}");
            }
        }
        catch (OperationCanceledException)
        {
            // The host is stopping.
        }
    }

    private sealed class Instance
    {
        public long? RunningSince { get; set; }
        public bool IsStopping { get; set; }
        public int Restarts { get; set; }
    }
}

internal static class RestartExtensions
{
    public static void AddRestarts(this IDistributedApplicationBuilder builder, params string[] services) =>
        builder.Services.AddHostedService(provider => new Restarts(
            services, provider.GetRequiredService<ResourceNotificationService>(), provider.GetRequiredService<ResourceCommandService>(), TimeProvider.System));
}
