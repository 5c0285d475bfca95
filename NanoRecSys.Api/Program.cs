using NanoRecSys.Api.Endpoints;
using NanoRecSys.Api.Outcomes;
using NanoRecSys.Api.Rules;
using NanoRecSys.Core;

try
{
    NativeHeap.ShareArenas();
    WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions
    {
        Args = args,
        ContentRootPath = AppContext.BaseDirectory, // finds appsettings.json from any working directory
    });
    builder.AddServiceDefaults();
    builder.AddRedisConnection();
    builder.AddServer();
    builder.AddRequestLog();
    builder.AddOpenApiDocument();
    builder.AddSecurity();
    builder.AddModels();
    builder.AddEvents();
    builder.AddOutcomes();
    builder.AddItems();
    builder.AddBrowsing();
    builder.AddRules();
    builder.AddRecommendations();
    builder.AddRecommendationTelemetry();
    builder.AddTraining();
    builder.AddStatus();

    WebApplication app = builder.Build();
    app.Services.GetRequiredService<IStartupValidator>().Validate(); // here, so that the host does not log a stack trace
    app.WarnOfFewFiles();
    app.UseRequestLog();
    app.UseErrorCounting();
    app.UseSecurity();
    app.UseErrors();
    app.MapDefaultEndpoints();
    app.MapMetrics()?.RequireKey(KeyRole.Read);
    RouteGroupBuilder api = app.MapGroup("").AddEndpointFilter<RouteGroupBuilder, HandlerErrors>().AddEndpointFilterFactory(PathIds.Decode);
    api.MapRecommendations();
    api.MapEvents();
    api.MapItems();
    api.MapRules();
    api.MapModels();
    api.MapTraining();
    api.MapStatus();
    RouteGroupBuilder lookUps = api.MapGroup("").AddEndpointFilterFactory(UnknownParameters.Refuse);
    lookUps.MapBrowsing();
    lookUps.MapUserLists();
    lookUps.MapLatestEvents();
    lookUps.MapExplore();
    lookUps.MapData();
    lookUps.MapTelemetry();
    lookUps.MapOutcomes();
    api.MapOpenApiDocument();
    return await app.RunServiceAsync();
}
catch (Exception e) when (Settings.Problem(e) is { } problem)
{
    await Console.Error.WriteLineAsync(problem.ReplaceLineEndings(" "));
    return 1;
}
