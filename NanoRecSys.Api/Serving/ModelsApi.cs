using Microsoft.AspNetCore.Http.HttpResults;

namespace NanoRecSys.Api.Serving;

/// <summary>The served model: registration, <c>GET /models</c>, and the calls that change it.</summary>
internal static class ModelsApi
{
    public static void AddModels(this WebApplicationBuilder builder)
    {
        builder.AddSettings<ArtifactsOptions>(ArtifactsOptions.Section);
        builder.AddSettings<ModelsOptions>(ModelsOptions.Section);
        builder.AddSettings<IndexEngineOptions>(IndexEngineOptions.Section);
        builder.Services.AddSingleton(services => new ArtifactStore(services.GetRequiredService<IOptions<ArtifactsOptions>>().Value.Path));
        builder.Services.AddSingleton(services => new ModelSplit(services.GetRequiredService<IOptions<ModelsOptions>>().Value.Split));
        builder.Services.AddSingleton<ModelLoader>();
        builder.Services.AddSingleton<ServedModel>();
        builder.Services.AddSingleton<PreviewModel>();
        builder.Services.AddSingleton<ModelVersions>();
        builder.Services.AddHostedService<ModelWatcher>();
        builder.Services.AddHostedService<SplitLoader>();
    }

    public static void MapModels(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder models = app.MapGroup("/models").WithTags("Models");
        models.MapGet("", (ModelVersions versions) => versions.List()).WithSummary("All published versions, newest first");
        models.MapGet("/current", GetCurrent).WithSummary("The manifest of the served version");
        models.MapGet("/{version}/plots/{name}", GetPlot).WithSummary("A picture from a version's training");
        Changing(models.MapPost("/rollback", (ModelVersions versions) => Change(versions.Rollback)))
            .WithSummary("Serves the version published before the served one; 409 if there is none");
        Changing(models.MapPost("/{version}/activate", (string version, ModelVersions versions) => Change(() => versions.Activate(version))))
            .WithSummary("Serves a version until the next one is published");
        Changing(models.MapPost("/{version}/pin", (string version, ModelVersions versions) => Change(() => versions.Pin(version))))
            .WithSummary("Serves a version regardless of what is published, until it is unpinned");
        Changing(models.MapDelete("/pin", (ModelVersions versions) => Change(versions.Unpin)))
            .WithSummary("Serves the current version again");
    }

    private static RouteHandlerBuilder Changing(RouteHandlerBuilder endpoint) =>
        endpoint.RequireKey(KeyRole.Admin).Produces<PlainError>(StatusCodes.Status503ServiceUnavailable);

    private static Results<Ok<Manifest>, NotFound<PlainError>> GetCurrent(ServedModel served) => served.Artifacts is { } artifacts
        ? TypedResults.Ok(artifacts.Manifest)
        : TypedResults.NotFound(new PlainError("No model is served yet."));

    private static Results<FileContentHttpResult, NotFound<PlainError>> GetPlot(string version, string name, ModelVersions versions) =>
        versions.FindPlot(version, name) is { } plot
            ? TypedResults.Bytes(plot.Content, plot.ContentType)
            : TypedResults.NotFound(new PlainError($"Version {version} has no picture {name}."));

    private static Results<Ok<ModelChange>, Conflict<PlainError>, JsonHttpResult<PlainError>> Change(Func<ModelChange> change)
    {
        try
        {
            return TypedResults.Ok(change());
        }
        catch (ArtifactException e)
        {
            return TypedResults.Conflict(new PlainError(e.Message));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return TypedResults.Json(
                new PlainError($"Nothing was changed: the artifacts folder cannot be written to ({e.Message}). Fix its permissions, or make the change where it is writable."),
                statusCode: StatusCodes.Status503ServiceUnavailable);
        }
    }
}

/// <summary>
/// The published versions, and which of them to serve. A change is written to the artifacts folder, which every
/// replica follows, and survives a restart. A version is fully verified before it is named there.
/// </summary>
internal sealed class ModelVersions(ArtifactStore store, ServedModel served, IOptions<ModelsOptions> options)
{
    private const string Test = "test";
    private const string PlotFolder = "plots/";
    private const int MostPlotBytes = 16 << 20; // a typical one has 60 KB

    public ModelList List() => new(
        OrNull(store.ReadCurrent), OrNull(store.ReadPinned), served.Artifacts?.Manifest.ModelVersion, [.. store.ListVersions().Select(Describe)]);

    /// <exception cref="ArtifactException">Nothing was published before the current one, or it is damaged.</exception>
    public ModelChange Rollback()
    {
        string? now = OrNull(store.ReadCurrent);
        IReadOnlyList<string> versions = store.ListVersions();
        int place = versions.TakeWhile(version => version != now).Count();
        return versions.Skip(place + 1).FirstOrDefault(version => !WasRefused(version)) is { } earlier
            ? Activate(earlier)
            : throw new ArtifactException($"No version was published before {now ?? "the first"}.");
    }

    /// <exception cref="ArtifactException">There is no such version, or it is damaged.</exception>
    public ModelChange Activate(string version)
    {
        store.Open(version);
        string? previous = OrNull(store.ReadCurrent);
        store.SetCurrent(version);
        return new ModelChange(OrNull(store.ReadPinned) ?? version, previous);
    }

    /// <exception cref="ArtifactException">There is no such version, or it is damaged.</exception>
    public ModelChange Pin(string version)
    {
        store.Open(version);
        string? previous = OrNull(store.ReadPinned) ?? OrNull(store.ReadCurrent);
        store.Pin(version);
        return new ModelChange(version, previous);
    }

    /// <exception cref="ArtifactException">Nothing is pinned.</exception>
    public ModelChange Unpin()
    {
        string? pinned = OrNull(store.ReadPinned);
        if (pinned is null && !Path.Exists(store.PinnedFile))
        {
            throw new ArtifactException("No version is pinned.");
        }

        store.Unpin();
        return new ModelChange(OrNull(store.ReadCurrent) ?? pinned ?? "", pinned);
    }

    /// <summary>A picture from the version's training. Only those named in the manifest can be requested, so no name leads out of the version's folder.</summary>
    /// <returns>Null if there is no such picture, or it differs from the published one.</returns>
    public (byte[] Content, string ContentType)? FindPlot(string version, string name)
    {
        try
        {
            if (!VersionName.IsWellFormed(version) || ContentType(name) is not { } type
                || store.ReadManifest(version).Files.FirstOrDefault(file => file.Name == PlotFolder + name) is not { } file)
            {
                return null;
            }

            VersionFiles.RequireNoLinks(store.FolderOf(version), file.Name);
            byte[] content = SmallFile.Read(Path.Combine(store.FolderOf(version), file.Name), MostPlotBytes);
            return FileHash.Of(new MemoryStream(content)) == file.Sha256 ? (content, type) : null;
        }
        catch (Exception e) when (e is ArtifactException or InvalidDataException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // Refused by the gate of publish. An unreadable version is left to Activate, which reports why.
    private bool WasRefused(string version)
    {
        try
        {
            return store.ReadManifest(version).Gate is { Refused: true };
        }
        catch (ArtifactException)
        {
            return false;
        }
    }

    // A damaged file names no version, and naming one repairs it. The status reports the reason.
    private static string? OrNull(Func<string?> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is ArtifactException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private ModelVersionInfo Describe(string version)
    {
        double? weight = options.Value.Split.TryGetValue(version, out double share) ? share : null;
        try
        {
            Manifest manifest = store.ReadManifest(version);
            bool isTested = manifest.Metrics.Any(result => result.Split == Test);
            return new ModelVersionInfo(
                version, manifest.Created, manifest.Dataset.Name, manifest.Model.Kind, weight, [.. manifest.Metrics.Where(result => !isTested || result.Split == Test)])
            {
                Gate = manifest.Gate,
                Race = manifest.Race,
                Plots =
                [
                    .. manifest.Files
                        .Where(file => file.Name.StartsWith(PlotFolder, StringComparison.Ordinal) && ContentType(file.Name) is not null)
                        .Select(file => file.Name[PlotFolder.Length..]),
                ],
            };
        }
        catch (ArtifactException e)
        {
            return new ModelVersionInfo(version, null, null, null, weight, [], e.Message);
        }
    }

    private static string? ContentType(string plot) => Path.GetExtension(plot) switch
    {
        ".png" => "image/png",
        ".svg" => "image/svg+xml",
        _ => null,
    };
}
