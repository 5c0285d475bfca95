using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using NanoRecSys.Api.Errors;
using NanoRecSys.Api.Security;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Models;

/// <summary>Which model is served: registration, <c>GET /models</c>, and the calls that change it.</summary>
internal static class ModelsApi
{
    public static void AddModels(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<ArtifactsOptions>().BindConfiguration(ArtifactsOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddOptions<ModelsOptions>().BindConfiguration(ModelsOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddOptions<IndexEngineOptions>().BindConfiguration(IndexEngineOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton(services => new ArtifactStore(services.GetRequiredService<IOptions<ArtifactsOptions>>().Value.FullPath()));
        builder.Services.AddSingleton(services => new ModelSplit(services.GetRequiredService<IOptions<ModelsOptions>>().Value.Split));
        builder.Services.AddSingleton<ModelLoader>();
        builder.Services.AddSingleton<ServedModel>();
        builder.Services.AddSingleton<ModelVersions>();
        builder.Services.AddSingleton<VersionPlots>();
        builder.Services.AddHostedService<ModelWatcher>();
        builder.Services.AddHostedService<SplitLoader>();
    }

    public static void MapModels(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder models = app.MapGroup("/models").WithTags("Models");
        models.MapGet("", (ModelVersions versions) => versions.List()).WithSummary("All published versions, newest first");
        models.MapGet("/current", GetCurrent).WithSummary("The manifest of the served version");
        models.MapGet("/{version}/plots/{name}", GetPlot).WithSummary("A picture of a version's training");
        Changing(models.MapPost("/rollback", (ModelVersions versions) => Change(versions.Rollback)))
            .WithSummary("Serves the version that was published before the one that is served; 409 where there is none");
        Changing(models.MapPost("/{version}/activate", (string version, ModelVersions versions) => Change(() => versions.Activate(version))))
            .WithSummary("Serves a version until the next one is published");
        Changing(models.MapPost("/{version}/pin", (string version, ModelVersions versions) => Change(() => versions.Pin(version))))
            .WithSummary("Serves a version whatever is published, until it is unpinned");
        Changing(models.MapDelete("/pin", (ModelVersions versions) => Change(versions.Unpin)))
            .WithSummary("Serves the current version again");
    }

    private static RouteHandlerBuilder Changing(RouteHandlerBuilder endpoint) => endpoint.RequireKey(KeyRole.Admin);

    private static Results<Ok<Manifest>, NotFound<PlainError>> GetCurrent(ServedModel served) => served.Artifacts is { } artifacts
        ? TypedResults.Ok(artifacts.Manifest)
        : TypedResults.NotFound(new PlainError("No model is served yet."));

    private static Results<PhysicalFileHttpResult, NotFound<PlainError>> GetPlot(string version, string name, VersionPlots plots) =>
        plots.Find(version, name) is { } plot
            ? TypedResults.PhysicalFile(plot.Path, plot.ContentType)
            : TypedResults.NotFound(new PlainError($"Version {version} has no picture {name}."));

    private static Results<Ok<ModelChange>, Conflict<PlainError>> Change(Func<ModelChange> change)
    {
        try
        {
            return TypedResults.Ok(change());
        }
        catch (ArtifactException e)
        {
            return TypedResults.Conflict(new PlainError(e.Message));
        }
    }
}
