using Microsoft.Extensions.Options;
using NanoRecSys.Core.Artifacts;

namespace NanoRecSys.Api.Models;

/// <summary>
/// Follows <c>artifacts/pinned</c> and, without it, <c>artifacts/current</c>: loads what it names and swaps it in. A version that fails is refused with
/// its reason, the running one stays, and it is not tried again before <c>current</c> is written again; only where the
/// folder could not be read does the next look try once more.
/// </summary>
public sealed class ModelWatcher(
    ArtifactStore store, ModelLoader loader, ServedModel served, IOptions<ArtifactsOptions> options, ILogger<ModelWatcher> logger)
    : BackgroundService
{
    private (string Version, DateTime Written)? _seen;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // A timer and not file events: those are unreliable on shared folders and volumes.
        using var timer = new PeriodicTimer(options.Value.PollInterval);
        logger.LogInformation("Watching {Folder} for models", store.Root);
        do
        {
            await LookAsync(stoppingToken);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    // A shared folder that does not answer for a moment says nothing about the version: the next look tries again.
    private static bool MayPass(Exception e) => (e.InnerException ?? e) switch
    {
        FileNotFoundException or DirectoryNotFoundException => false,
        IOException or UnauthorizedAccessException => true,
        _ => false,
    };

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        string? version = null;
        try
        {
            // The time counts as well: a version that was repaired is published under its old name.
            string? pinned = store.ReadPinned();
            DateTime written = File.GetLastWriteTimeUtc(pinned is null ? store.CurrentFile : store.PinnedFile);
            version = pinned ?? store.ReadCurrent();
            if (version is null || _seen == (version, written))
            {
                return;
            }

            _seen = (version, written);
            if (served.Artifacts?.Manifest.ModelVersion != version)
            {
                served.Swap(await loader.LoadAsync(version, cancellationToken));
                logger.LogInformation("Serving model {Version}", version);
            }
            else
            {
                served.Accept();
            }
        }
        catch (Exception e) when (version is null && e is IOException or UnauthorizedAccessException)
        {
            logger.LogWarning("{File} could not be read, the next look may do better: {Reason}", store.CurrentFile, e.Message);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Whatever is wrong with a version, the service goes on with the one it has.
            string reason = $"Version {version ?? "?"} was refused: {e.Message}";
            if (served.Refusal != reason)
            {
                // Once for each reason: what may pass is tried at every look.
                logger.LogError(e, "Version {Version} was refused, {Running} keeps serving", version, served.Artifacts?.Manifest.ModelVersion ?? "none");
            }

            served.Refuse(reason);
            if (MayPass(e))
            {
                _seen = null;
            }
        }
    }
}
