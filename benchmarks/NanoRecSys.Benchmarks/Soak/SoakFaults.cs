using NanoRecSys.Core.Artifacts;

namespace NanoRecSys.Benchmarks.Soak;

/// <summary>Lets the stack's parts fail in turn, each for a second or so.</summary>
internal sealed class SoakFaults(SoakStack stack, SoakOptions options)
{
    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(1);

    public int Count { get; private set; }

    /// <summary>Leaves the last moments of the run without a fault, so that all can recover.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var store = new ArtifactStore(options.Artifacts);
        using var timer = new PeriodicTimer(options.FaultEvery);
        for (TimeSpan passed = options.FaultEvery; passed < options.Duration - 2 * Outage && await timer.WaitForNextTickAsync(cancellationToken); passed += options.FaultEvery)
        {
            switch (Count++ % 3)
            {
                case 0:
                    stack.KillRedis();
                    await Task.Delay(Outage, cancellationToken);
                    stack.RestartRedis();
                    break;
                case 1:
                    stack.FreezeRedis();
                    await Task.Delay(Outage, cancellationToken);
                    stack.ThawRedis();
                    break;
                default:
                    SwapModel(store);
                    break;
            }
        }
    }

    // To another version where there is one; to one that is damaged, and back, where there is not.
    private static void SwapModel(ArtifactStore store)
    {
        string now = store.ReadCurrent()!;
        store.SetCurrent(store.ListVersions().FirstOrDefault(version => version != now) ?? "000000000000");
        Thread.Sleep(Outage);
        store.SetCurrent(now);
    }
}
