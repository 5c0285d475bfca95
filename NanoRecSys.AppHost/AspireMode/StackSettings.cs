using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace NanoRecSys.AppHost.AspireMode;

/// <summary>
/// The stack's settings, from the environment (<c>Api__Replicas=3</c>) or the command line (<c>--Api:Replicas 3</c>); the
/// options that the embedded host has, too, also under the names they have there (<c>--data</c>, <c>--web-port</c>, ...).
/// </summary>
internal sealed record StackSettings
{
    public required int ApiReplicas { get; init; }

    public required int WebPort { get; init; }

    /// <summary>Null for one that Aspire chooses.</summary>
    public required int? ApiPort { get; init; }

    /// <summary>Null for one that Aspire chooses.</summary>
    public required int? CachePort { get; init; }

    /// <summary>What a first training trains on: a folder here, a name that it downloads once published.</summary>
    public required string Data { get; init; }

    public required string Preset { get; init; }

    /// <summary>The artifacts folder as the services see it: on this machine, or where the volume is mounted.</summary>
    public required string ServedArtifacts { get; init; }

    public required bool HasModel { get; init; }

    /// <summary><c>compose</c> or <c>kubernetes</c>.</summary>
    public required string PublishTarget { get; init; }

    /// <param name="builder">Knows the environment and the command line as configuration.</param>
    /// <param name="args">The command line: the options that the embedded host has, too, count before the rest.</param>
    /// <exception cref="HostException">A value that is not of its kind.</exception>
    public static StackSettings Read(IDistributedApplicationBuilder builder, string[] args)
    {
        // On their own: as environment variables these short names may belong to other programs.
        IConfiguration options = new ConfigurationBuilder().AddCommandLine(args).Build();
        string? Setting(string key, string? option = null) =>
            option is not null && options[option] is { Length: > 0 } given ? given
            : builder.Configuration[key] is { Length: > 0 } value ? value : null;
        int? Port(string key, string option) =>
            Setting(key, option) is { } text ? Number($"--{option} ({key})", text, least: 0, ushort.MaxValue) : null;

        string root = Path.GetFullPath(Path.Combine(builder.AppHostDirectory, ".."));
        string artifacts = Path.GetFullPath(Setting("Artifacts:Path", "artifacts") ?? Path.Combine(root, "artifacts"));
        bool published = builder.ExecutionContext.IsPublishMode;
        string data = Setting("Training:Data", "data") ?? (published ? "ml-latest-small" : Path.Combine(root, "data", "movielens-small"));
        return new StackSettings
        {
            ApiReplicas = Number("Api:Replicas", Setting("Api:Replicas") ?? "1", least: 1, most: 100),
            WebPort = Port("Web:Port", "web-port") ?? 5080,
            ApiPort = Port("Api:Port", "api-port"),
            CachePort = Port("Cache:Port", "cache-port"),
            // A name such as ml-1m is no path; a path is the user's, so seen from where the user is.
            Data = !published && Path.Exists(data) ? Path.GetFullPath(data) : data,
            Preset = Setting("Training:Preset", "preset") ?? "quick",
            ServedArtifacts = published ? SharedArtifacts.MountPath : artifacts,
            HasModel = !published && File.Exists(Path.Combine(artifacts, "current")),
            PublishTarget = Setting("Publish:Target") is not { } target ? "compose"
                : target is "compose" or "kubernetes" ? target
                : throw new HostException($"Publish:Target is '{target}', expected compose or kubernetes."),
        };
    }

    private static int Number(string name, string text, int least, int most) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least && number <= most
            ? number
            : throw new HostException($"{name} is '{text}', expected a number from {least} to {most}.");
}
