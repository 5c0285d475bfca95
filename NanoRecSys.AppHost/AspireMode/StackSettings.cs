using System.Globalization;

namespace NanoRecSys.AppHost.AspireMode;

/// <summary>
/// The stack's settings, from the environment (<c>Api__Replicas=3</c>) or the command line (<c>--Api:Replicas 3</c>).
/// </summary>
internal sealed record StackSettings
{
    public required int ApiReplicas { get; init; }

    public required int WebPort { get; init; }

    /// <summary>What a first training trains on: a folder here, a name that it downloads once published.</summary>
    public required string Data { get; init; }

    public required string Preset { get; init; }

    /// <summary>The artifacts folder as the services see it: on this machine, or where the volume is mounted.</summary>
    public required string ServedArtifacts { get; init; }

    public required bool HasModel { get; init; }

    /// <summary><c>compose</c> or <c>kubernetes</c>.</summary>
    public required string PublishTarget { get; init; }

    public static StackSettings Read(IDistributedApplicationBuilder builder)
    {
        string? Setting(string key) => builder.Configuration[key] is { Length: > 0 } value ? value : null;

        string root = Path.GetFullPath(Path.Combine(builder.AppHostDirectory, ".."));
        string artifacts = Path.GetFullPath(Setting("Artifacts:Path") ?? Path.Combine(root, "artifacts"));
        bool published = builder.ExecutionContext.IsPublishMode;
        return new StackSettings
        {
            ApiReplicas = int.Parse(Setting("Api:Replicas") ?? "1", CultureInfo.InvariantCulture),
            WebPort = int.Parse(Setting("Web:Port") ?? "5080", CultureInfo.InvariantCulture),
            Data = Setting("Training:Data") ?? (published ? "ml-latest-small" : Path.Combine(root, "data", "movielens-small")),
            Preset = Setting("Training:Preset") ?? "quick",
            ServedArtifacts = published ? SharedArtifacts.MountPath : artifacts,
            HasModel = !published && File.Exists(Path.Combine(artifacts, "current")),
            PublishTarget = Setting("Publish:Target") ?? "compose",
        };
    }
}
