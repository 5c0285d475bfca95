using NanoRecSys.ServiceDefaults;
using NanoRecSys.Web;
using NanoRecSys.Web.Components;
using NanoRecSys.Web.Components.Docs;
using NanoRecSys.Web.Components.Explore;
using NanoRecSys.Web.Components.Training;

WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions
{
    Args = args,
    ContentRootPath = AppContext.BaseDirectory, // settings and static assets are here, regardless of the working directory
});

builder.AddServiceDefaults();
builder.WebHost.UseStaticWebAssets(); // also in Production: the AppHost starts the build output
builder.Services.AddRazorComponents().AddInteractiveServerComponents();
builder.Services.AddResponseCompression();
builder.Services.AddRecommenderClient();
if (builder.Configuration["Api:ReadKey"] is { Length: > 0 } readKey)
{
    // For every call without its own key, so that the pages work with an API that has Security:ReadKeys.
    builder.Services.ConfigureHttpClientDefaults(client => client.ConfigureHttpClient(http => http.DefaultRequestHeaders.Add("X-Api-Key", readKey)));
}

WebApplication app = builder.Build();

app.UseExceptionHandler("/error", createScopeForErrors: true);
app.UseStatusCodePagesWithReExecute("/not-found", createScopeForStatusCodePages: true);
app.UseCrossOriginProtection();
app.UsePageHeaders();
app.UseResponseCompression();
app.UseAntiforgery();

app.MapDefaultEndpoints();
app.MapMetrics();
app.MapStaticAssets();
DocPage.MapImages(app);
app.MapGet("/movie/{id}", (string id) => TypedResults.LocalRedirect(ItemPage.Address(EntityId.Of(Uri.UnescapeDataString(id))), permanent: true)); // links of earlier versions
app.MapPlots();
app.MapExploreData();
app.MapRazorComponents<App>().AddInteractiveServerRenderMode();

return await app.RunServiceAsync();
