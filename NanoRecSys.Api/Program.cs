using NanoRecSys.Api;
using NanoRecSys.Api.Browsing;
using NanoRecSys.Api.Errors;
using NanoRecSys.Api.Models;
using NanoRecSys.Api.Recommendations;
using NanoRecSys.Api.Status;
using NanoRecSys.Api.Telemetry;
using NanoRecSys.Api.Training;
using NanoRecSys.ServiceDefaults;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults();
builder.AddRedisConnection();
builder.AddHttpContract();
builder.AddModels();
builder.AddRecommendations();
builder.AddRecommendationTelemetry();
builder.AddStatus();

WebApplication app = builder.Build();
app.UseErrorShapes();
app.MapDefaultEndpoints();
app.MapRecommendations();
app.MapBrowsing();
app.MapModels();
app.MapTraining();
app.MapStatus();
app.MapTelemetry();
app.Run();
