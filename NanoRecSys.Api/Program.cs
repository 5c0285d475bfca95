using NanoRecSys.Api;
using NanoRecSys.Api.Errors;
using NanoRecSys.Api.Models;
using NanoRecSys.Api.Status;
using NanoRecSys.Api.Training;
using NanoRecSys.ServiceDefaults;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults();
builder.AddRedisConnection();
builder.AddHttpContract();
builder.AddModels();
builder.AddStatus();

WebApplication app = builder.Build();
app.UseErrorShapes();
app.MapDefaultEndpoints();
app.MapModels();
app.MapTraining();
app.MapStatus();
app.Run();
