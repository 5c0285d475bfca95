using NanoRecSys.ServiceDefaults;
using NanoRecSys.Web;
using NanoRecSys.Web.Client;
using NanoRecSys.Web.Components;
using NanoRecSys.Web.Components.Explore;
using NanoRecSys.Web.Components.Training;

WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions
{
    Args = args,
    ContentRootPath = AppContext.BaseDirectory, // where settings and static assets are, whatever the working directory
});

builder.AddServiceDefaults();
builder.WebHost.UseStaticWebAssets(); // in Production, too: the AppHost starts the build output
builder.Services.AddRazorComponents().AddInteractiveServerComponents();
builder.Services.AddResponseCompression();
builder.Services.AddRecommenderClient();

WebApplication app = builder.Build();

app.UseExceptionHandler("/error", createScopeForErrors: true);
app.UseStatusCodePagesWithReExecute("/not-found", createScopeForStatusCodePages: true);
app.UseCrossOriginProtection();
app.UsePageHeaders();
app.UseResponseCompression();
app.UseAntiforgery();

app.MapDefaultEndpoints();
app.MapStaticAssets();
app.MapPlots();
app.MapExploreData();
app.MapRazorComponents<App>().AddInteractiveServerRenderMode();

app.Run();
