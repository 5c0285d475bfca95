using System.Globalization;
using NanoRecSys.AppHost;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture; // the environment can turn cultures on
if (HostOptions.TryParse(args, Console.Out, Console.Error, out HostOptions options) is { } exitCode)
{
    return exitCode;
}

try
{
    using Ports ports = new();
    Dashboard dashboard = Dashboard.Choose(ports);
    IDistributedApplicationBuilder builder = DistributedApplication.CreateBuilder(dashboard.Settings);

    IResourceBuilder<IResourceWithConnectionString> cache = options.Cache switch
    {
        CacheKind.Garnet => builder.AddGarnet("cache", ports.Next(options.CachePort)).WithArtifacts(options),
        CacheKind.Redis => builder.AddDurableRedis("cache", ports.Next(options.CachePort)),
        _ => builder.AddConnectionString("cache"),
    };

    IResourceBuilder<ProjectResource> api = builder.AddProject<Projects.NanoRecSys_Api>("api", launchProfileName: null)
        .WithHttpEndpoint(ports.Next(options.ApiPort), isProxied: options.ApiReplicas > 1)
        .WithHttpHealthCheck("/readyz")
        .WithReplicas(options.ApiReplicas)
        .WithReference(cache).WaitFor(cache)
        .WithArtifacts(options)
        .StartedDirectly();

    IResourceBuilder<ProjectResource> web = builder.AddProject<Projects.NanoRecSys_Web>("web", launchProfileName: null)
        .WithHttpEndpoint(ports.Next(options.WebPort), isProxied: false)
        .WithExternalHttpEndpoints()
        .WithHttpHealthCheck("/healthz")
        .WithReference(api) // without waiting: the page shows how the other services are starting
        .WithEnvironment("ASPIRE_DASHBOARD_URL", dashboard.Url)
        .StartedDirectly();

    builder.AddProject<Projects.NanoRecSys_Training>("training", launchProfileName: null)
        .WithArtifacts(options)
        .WithTraining(options)
        .StartedDirectly();

    if (options.Retrain is not null)
    {
        builder.AddProject<Projects.NanoRecSys_Training>("retraining", launchProfileName: null)
            .WithReference(cache).WaitFor(cache)
            .WithArtifacts(options)
            .WithArgs(ProjectExtensions.RetrainingArguments(options))
            .StartedDirectly();
    }

    builder.AddRestarts("cache", "api", "web");
    builder.AddHostConsole(new HostAddresses(web.GetEndpoint("http"), api.GetEndpoint("http"), dashboard, options));

    await builder.Build().RunAsync();
    return 0;
}
catch (HostException e)
{
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}
catch (Exception e) when (e is DistributedApplicationException or OperationCanceledException or IOException)
{
    // The orchestrator, its API or the dashboard did not start, for example on an overloaded machine.
    await Console.Error.WriteLineAsync($"The stack did not start: {e.Message.ReplaceLineEndings(" ")} Start it again; with DCP_DIAGNOSTICS_LOG_LEVEL=debug and DCP_DIAGNOSTICS_LOG_FOLDER the orchestrator writes a log.");
    return 1;
}
