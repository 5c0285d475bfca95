namespace NanoRecSys.Api.Models;

/// <summary>Loads the versions that <c>Models:Split</c> names; the share of one that fails is served by the current version.</summary>
public sealed class SplitLoader(ModelSplit split, ModelLoader loader, ServedModel served, ILogger<SplitLoader> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        foreach (string version in split.Versions)
        {
            try
            {
                served.AddBeside(await loader.LoadAsync(version, stoppingToken));
                logger.LogInformation("Serving model {Version} to its share of the users", version);
            }
            catch (Exception e) when (e is not OperationCanceledException) // whatever is wrong with it, the service goes on
            {
                logger.LogError(e, "Version {Version} of Models:Split was refused; the current version serves its users", version);
            }
        }
    }
}
