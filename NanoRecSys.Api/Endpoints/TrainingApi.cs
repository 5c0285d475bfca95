using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Progress;

namespace NanoRecSys.Api.Training;

/// <summary><c>GET /training/progress</c>, what the newest run wrote so far, and <c>GET /training/runs</c>, all of them in short.</summary>
internal static class TrainingApi
{
    public static void AddTraining(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<RunHistory>();
        builder.Services.AddSingleton<ExportHistory>();
    }

    public static void MapTraining(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder training = app.MapGroup("/training").WithTags("Training");
        training.MapGet("/progress", GetProgress).WithSummary("Events of the newest training run, oldest first");
        training.MapGet("/runs", (RunHistory runs, ExportHistory exports) => new TrainingRuns(runs.Read(), exports.Read()))
            .WithSummary("The last twenty runs in short, and what was exported for each data set");
    }

    private static TrainingStatus GetProgress(ArtifactStore store) => ProgressLog.NewestRun(store.RunsFolder) is { } folder
        ? new TrainingStatus(Path.GetFileName(folder), ProgressLog.Read(folder))
        : new TrainingStatus(null, []);
}
