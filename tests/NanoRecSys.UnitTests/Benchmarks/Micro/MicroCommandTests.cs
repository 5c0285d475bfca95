using NanoRecSys.Benchmarks.Micro;
using NanoRecSys.Benchmarks.Scale;

namespace NanoRecSys.UnitTests.Benchmarks.Micro;

public sealed class MicroCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task No_stage_of_a_request_allocates_more_than_it_is_allowed()
    {
        await ScaledVersion.PublishAsync(
            new ScaleOptions(_folder.Path, Data: null, Users: 100, Items: 2_000, Ratings: 9_000, 64, 2, 2, 128, UserEmbeddings: false, Seed: 1),
            new StandardErrorProgress(), TestContext.Current.CancellationToken);

        int code = await MicroCommand.Create().Parse(["--quick", "--artifacts", _folder.Path])
            .InvokeAsync(cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(0, code);
    }
}
