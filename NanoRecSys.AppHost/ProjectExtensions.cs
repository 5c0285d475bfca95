using System.Reflection;
using System.Runtime.InteropServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace NanoRecSys.AppHost;

internal static class ProjectExtensions
{
    private static readonly string DotNetRoot = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));

    /// <summary>
    /// Starts the program that was built with the host, because <c>dotnet run</c> costs 0.85 s and 62 to 79 MB for each
    /// service, and applies the settings that all services share.
    /// </summary>
    public static IResourceBuilder<T> StartedDirectly<T>(this IResourceBuilder<T> project)
        where T : ProjectResource
    {
        project
            .WithoutHttpsCertificate() // everything listens on loopback without TLS; without this the dashboard shows an error
            .WithEnvironment("OTEL_DOTNET_EXPERIMENTAL_OTLP_RETRY", "") // retries of the last export delay shutdown by 9 to 13 s
            .WithEnvironment("Logging__Console__LogLevel__Microsoft.Hosting.Lifetime", "Warning") // the host prints the addresses
            .WithEnvironment("OTEL_BSP_SCHEDULE_DELAY", "1000")
            .WithEnvironment("OTEL_BLRP_SCHEDULE_DELAY", "1000")
            .WithEnvironment("OTEL_METRIC_EXPORT_INTERVAL", "2000"); // milliseconds: the dashboard updates within seconds

        string projectPath = project.Resource.GetProjectMetadata().ProjectPath;
        string program = Path.GetFullPath(Path.Combine(
            Path.GetDirectoryName(projectPath)!, OutputPath, Path.GetFileNameWithoutExtension(projectPath) + (OperatingSystem.IsWindows() ? ".exe" : "")));
        bool isWatching = project.ApplicationBuilder.Configuration["DOTNET_WATCH"] is not null;
        if (isWatching || !File.Exists(program))
        {
            return project;
        }

        return project
            .WithAnnotation(new ExecutableAnnotation { Command = program, WorkingDirectory = Path.GetDirectoryName(program)! })
            .WithEnvironment("DOTNET_ROOT", DotNetRoot); // the host's own runtime
    }

    public static IResourceBuilder<T> WithArtifacts<T>(this IResourceBuilder<T> project, HostOptions options)
        where T : ProjectResource =>
        project.WithEnvironment("Artifacts__Path", options.Artifacts);

    /// <summary>Trains at start if there is no model yet, and whenever the resource is started in the dashboard.</summary>
    public static IResourceBuilder<ProjectResource> WithTraining(this IResourceBuilder<ProjectResource> training, HostOptions options)
    {
        training.WithArgs(TrainingArguments(options)).WithArgs(context =>
        {
            // Evaluated at each start. Two hosts on one empty folder train only once.
            if (!options.HasModel)
            {
                context.Args.Add("--if-no-model");
            }
        });
        return options.HasModel ? training.WithExplicitStart() : training;
    }

    public static string[] TrainingArguments(HostOptions options) =>
        ["run", "--preset", options.Preset, "--data", options.Data, "--artifacts", options.Artifacts];

    public static string[] RetrainingArguments(HostOptions options) =>
    [
        "watch", options.Retrain!.All(char.IsAsciiDigit) ? "--after-events" : "--schedule", options.Retrain!,
        "--preset", options.Preset, "--data", options.Data, "--artifacts", options.Artifacts,
    ];

    public static void AddRestarts(this IDistributedApplicationBuilder builder, params string[] services) =>
        builder.Services.AddHostedService(provider => new Restarts(
            services, provider.GetRequiredService<ResourceNotificationService>(), provider.GetRequiredService<ResourceCommandService>(), TimeProvider.System));

    public static void AddHostConsole(this IDistributedApplicationBuilder builder, HostAddresses addresses)
    {
        if (builder.ExecutionContext.IsRunMode)
        {
            builder.Services.AddHostedService(services => ActivatorUtilities.CreateInstance<HostConsole>(services, addresses));
        }
    }

    private static string OutputPath { get; } = typeof(ProjectExtensions).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>()
        .First(attribute => attribute.Key == nameof(OutputPath)).Value!.Replace('\\', Path.DirectorySeparatorChar);
}

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
