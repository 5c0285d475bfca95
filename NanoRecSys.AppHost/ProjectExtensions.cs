using System.Reflection;
using System.Runtime.InteropServices;

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
        training.WithArgs(context =>
        {
            foreach (string argument in TrainingArguments(options))
            {
                context.Args.Add(argument);
            }

            // Evaluated at each start. Two hosts on one empty folder train only once.
            if (!options.HasModel)
            {
                context.Args.Add("--if-no-model");
            }
        });
        return options.HasModel ? training.WithExplicitStart() : training;
    }

    public static IReadOnlyList<string> TrainingArguments(HostOptions options) =>
        ["run", "--preset", options.Preset, "--data", options.Data, "--artifacts", options.Artifacts];

    public static IReadOnlyList<string> RetrainingArguments(HostOptions options) =>
    [
        "watch", options.Retrain!.All(char.IsAsciiDigit) ? "--after-events" : "--schedule", options.Retrain!,
        "--preset", options.Preset, "--data", options.Data, "--artifacts", options.Artifacts,
    ];

    private static string OutputPath { get; } = typeof(ProjectExtensions).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>()
        .First(attribute => attribute.Key == nameof(OutputPath)).Value!.Replace('\\', Path.DirectorySeparatorChar);
}
