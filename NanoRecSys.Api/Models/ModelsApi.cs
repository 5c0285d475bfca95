using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using NanoRecSys.Api.Errors;
using NanoRecSys.Core.Artifacts;

namespace NanoRecSys.Api.Models;

/// <summary>The model that is served: registration and <c>GET /models/current</c>.</summary>
internal static class ModelsApi
{
    public static void AddModels(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<ArtifactsOptions>().BindConfiguration(ArtifactsOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton(services => new ArtifactStore(services.GetRequiredService<IOptions<ArtifactsOptions>>().Value.FullPath()));
        builder.Services.AddSingleton<ModelLoader>();
        builder.Services.AddSingleton<ServedModel>();
        builder.Services.AddHostedService<ModelWatcher>();
    }

    public static void MapModels(this WebApplication app) =>
        app.MapGet("/models/current", GetCurrent).WithTags("Models").WithSummary("The manifest of the served version");

    private static Results<Ok<Manifest>, NotFound<PlainError>> GetCurrent(ServedModel served) => served.Artifacts is { } artifacts
        ? TypedResults.Ok(artifacts.Manifest)
        : TypedResults.NotFound(new PlainError("No model is served yet."));
}
