[assembly: AssemblyFixture(typeof(SharedServers))]

namespace NanoRecSys.IntegrationTests.Fixtures;

/// <summary>Servers shared by read-only tests, started on first use: starting with a model takes longer than most of these tests.</summary>
public sealed class SharedServers : IAsyncDisposable
{
    private static readonly Lazy<Task<ApiServer>> WithoutModel = new(() => Task.FromResult(ApiServer.Start()));
    private static readonly Lazy<Task<ApiServer>> WithRanker = new(() => ApiServer.StartAsync(new RandomModel(5)));
    private static readonly Lazy<Task<ApiServer>> WithoutRanker = new(() => ApiServer.StartAsync(new RandomModel(216) { Ranker = null }));
    private static readonly Lazy<Task<ApiServer>> OfShop = new(() => ApiServer.StartAsync(new RandomModel(301) { Movies = RandomModel.Shop, Users = RandomModel.Shoppers }));

    internal static Task<ApiServer> Empty => WithoutModel.Value;
    internal static Task<ApiServer> Ranked => WithRanker.Value;
    internal static Task<ApiServer> Unranked => WithoutRanker.Value;
    internal static Task<ApiServer> Shop => OfShop.Value; // ids and attributes of all kinds

    public async ValueTask DisposeAsync()
    {
        foreach (Lazy<Task<ApiServer>> server in new[] { WithoutModel, WithRanker, WithoutRanker, OfShop }.Where(server => server.IsValueCreated))
        {
            await (await server.Value).DisposeAsync();
        }
    }
}
