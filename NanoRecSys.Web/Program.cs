using MudBlazor.Services;
using NanoRecSys.ServiceDefaults;
using NanoRecSys.Web.Client;
using NanoRecSys.Web.Components;
using NanoRecSys.Web.Components.Explore;
using NanoRecSys.Web.Components.Training;

// Settings and static assets lie beside the program, wherever it is started from.
WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions
{
    Args = args,
    ContentRootPath = AppContext.BaseDirectory,
});

builder.AddServiceDefaults();
builder.WebHost.UseStaticWebAssets(); // Production without publish, too: the embedded host starts the build output.
builder.Services.AddRazorComponents().AddInteractiveServerComponents();
builder.Services.AddMudServices();
builder.Services.AddResponseCompression();
builder.Services.AddRecommenderClient();

WebApplication app = builder.Build();

app.UseExceptionHandler("/error", createScopeForErrors: true);
app.UseStatusCodePagesWithReExecute("/not-found", createScopeForStatusCodePages: true);
app.UseResponseCompression();
app.UseAntiforgery();

app.MapDefaultEndpoints();
app.MapStaticAssets();
app.MapPlots();
app.MapExploreData();
app.MapRazorComponents<App>().AddInteractiveServerRenderMode();

app.Run();
