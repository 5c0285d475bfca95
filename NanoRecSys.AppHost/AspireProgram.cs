using NanoRecSys.AppHost;
using NanoRecSys.AppHost.AspireMode;

Console.WriteLine($"This is the Aspire host: {HostChoice.Reason}.");
Console.WriteLine("For the embedded host, which needs no container engine: dotnet run --project NanoRecSys.AppHost -p:UseAspire=false");

DashboardAddresses.SetDefaults();
IDistributedApplicationBuilder builder = DistributedApplication.CreateBuilder(args);
StackSettings settings;
try
{
    settings = StackSettings.Read(builder, args);
}
catch (HostException e)
{
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}

// A Redis of yours needs no container engine.
bool ownRedis = !string.IsNullOrEmpty(builder.Configuration["ConnectionStrings:cache"]);
if (builder.ExecutionContext.IsRunMode && !ownRedis && !await ContainerEngine.AnswersAsync())
{
    await Console.Error.WriteLineAsync(ContainerEngine.Absent);
    return 1;
}

IResourceBuilder<IResourceWithConnectionString> cache = ownRedis
    ? builder.AddConnectionString("cache")
    : builder.AddRedis("cache", settings.CachePort).WithDataVolume().WithDurableWrites();

IResourceBuilder<ProjectResource> api = builder.AddProject<Projects.NanoRecSys_Api>("api", launchProfileName: null)
    .WithHttpEndpoint(port: settings.ApiPort)
    .WithReference(cache).WaitFor(cache)
    .WithHttpHealthCheck("/healthz")
    .WithReplicas(settings.ApiReplicas);

IResourceBuilder<ProjectResource> web = builder.AddProject<Projects.NanoRecSys_Web>("web", launchProfileName: null)
    .WithHttpEndpoint(port: settings.WebPort)
    .WithExternalHttpEndpoints()
    .WithHttpHealthCheck("/healthz")
    .WithReference(api).WaitFor(api);

if (builder.ExecutionContext.IsRunMode)
{
    web.WithEnvironment("ASPIRE_DASHBOARD_URL", DashboardAddresses.Page); // The telemetry page links there.
}

// Starts by itself only where there is no model yet.
IResourceBuilder<ProjectResource> training = builder.AddProject<Projects.NanoRecSys_Training>("training", launchProfileName: null)
    .WithArgs("run", "--preset", settings.Preset, "--data", settings.Data, "--artifacts", settings.ServedArtifacts);
if (settings.HasModel)
{
    training.WithExplicitStart();
}

SharedArtifacts.Attach(builder, settings, reader: api, writer: training);

await builder.Build().RunAsync();
return 0;
