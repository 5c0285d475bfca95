using System.Diagnostics;
using NanoRecSys.Benchmarks.Scale;

namespace NanoRecSys.UnitTests.Benchmarks.Micro;

public sealed class MicroCommandTests : FolderTests
{
    // A separate process, because allocations are counted per process and other tests run in parallel. Without tiered compilation,
    // because a method allocates more while the runtime profiles it, and when it does depends on the machine.
    [Fact]
    public async Task No_stage_of_a_request_exceeds_its_allocation_limit()
    {
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        await ScaledVersion.PublishAsync(
            new ScaleOptions(Folder.Path, Data: null, Users: 100, Items: 2_000, Ratings: 9_000, 64, 2, 2, 128, UserEmbeddings: false, Seed: 1),
            new StandardErrorProgress(), cancellation);

        using Process micro = Process.Start(new ProcessStartInfo(
            "dotnet", [typeof(ScaledVersion).Assembly.Location, "micro", "--quick", "--artifacts", Folder.Path])
        { RedirectStandardOutput = true, Environment = { ["DOTNET_TieredCompilation"] = "0" } })!;
        string table = await micro.StandardOutput.ReadToEndAsync(cancellation);
        await micro.WaitForExitAsync(cancellation);

        Assert.True(micro.ExitCode == 0, table);
    }
}
