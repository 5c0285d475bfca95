using NanoRecSys.Api;
using NanoRecSys.Api.Browsing;
using NanoRecSys.Api.Errors;
using NanoRecSys.Api.Events;
using NanoRecSys.Api.Items;
using NanoRecSys.Api.Pipeline;
using NanoRecSys.Api.Security;
using NanoRecSys.Api.Serving;
using NanoRecSys.Api.Status;
using NanoRecSys.Api.Telemetry;
using NanoRecSys.Api.Training;
using NanoRecSys.Core;
using NanoRecSys.ServiceDefaults;

NativeHeap.ShareArenas();
WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions
{
    Args = args,
    ContentRootPath = AppContext.BaseDirectory, // where appsettings.json is, whatever the working directory
});
builder.AddServiceDefaults();
builder.AddRedisConnection();
builder.AddHttpContract();
builder.AddOpenApiDocument();
builder.AddSecurity();
builder.AddModels();
builder.AddEvents();
builder.AddItems();
builder.AddRecommendations();
builder.AddRecommendationTelemetry();
builder.AddTraining();
builder.AddStatus();

WebApplication app = builder.Build();
app.UseErrorCounting();
app.UseSecurity();
app.UseErrorShapes();
app.MapDefaultEndpoints();
RouteGroupBuilder api = app.MapGroup("").AddEndpointFilter<RouteGroupBuilder, ErrorIds>();
api.MapRecommendations();
api.MapEvents();
api.MapItems();
api.MapModels();
api.MapTraining();
api.MapStatus();
RouteGroupBuilder lookUps = api.MapGroup("").AddEndpointFilterFactory(UnknownParameters.Refuse);
lookUps.MapBrowsing();
lookUps.MapCatalog();
lookUps.MapExplore();
lookUps.MapTelemetry();
app.MapOpenApiDocument();
app.Run();
