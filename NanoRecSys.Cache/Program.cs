using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using NanoRecSys.Cache;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.ServiceDefaults;

HostApplicationBuilder builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings
{
    Args = args,
    ContentRootPath = AppContext.BaseDirectory, // finds appsettings.json from any working directory
});
builder.AddServiceDefaults();
builder.AddSettings<CacheOptions>(CacheOptions.Section);
builder.Services.AddHostedService<GarnetService>();

try
{
    using IHost host = builder.Build();
    host.Services.GetRequiredService<IStartupValidator>().Validate(); // here, so that the host does not log a stack trace
    await host.RunAsync();
    return 0;
}
catch (Exception e) when (e is ArtifactException || Settings.Problem(e) is not null)
{
    await Console.Error.WriteLineAsync((Settings.Problem(e) ?? e.Message).ReplaceLineEndings(" "));
    return 1;
}
