using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Progress;

namespace NanoRecSys.Api.Training;

/// <summary><c>GET /training/progress</c>: what the newest training run wrote so far.</summary>
internal static class TrainingApi
{
    public static void MapTraining(this IEndpointRouteBuilder app) =>
        app.MapGet("/training/progress", GetProgress).WithTags("Training").WithSummary("Events of the newest training run, oldest first");

    private static TrainingStatus GetProgress(ArtifactStore store) => ProgressLog.NewestRun(store.RunsFolder) is { } folder
        ? new TrainingStatus(Path.GetFileName(folder), ProgressLog.Read(folder))
        : new TrainingStatus(null, []);
}
