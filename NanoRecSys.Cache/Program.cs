using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using NanoRecSys.Cache;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.ServiceDefaults;

HostApplicationBuilder builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings
{
    Args = args,
    ContentRootPath = AppContext.BaseDirectory, // where appsettings.json is, whatever the working directory
});
builder.AddServiceDefaults();
builder.Services.AddOptions<CacheOptions>().BindConfiguration(CacheOptions.Section).ValidateDataAnnotations();
builder.Services.AddHostedService<GarnetService>();

try
{
    using IHost host = builder.Build();
    await host.RunAsync();
    return 0;
}
catch (Exception e) when (e is ArtifactException or OptionsValidationException)
{
    await Console.Error.WriteLineAsync(e.Message.ReplaceLineEndings(" "));
    return 1;
}
