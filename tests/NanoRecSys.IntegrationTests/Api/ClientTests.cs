using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using NanoRecSys.Client;

namespace NanoRecSys.IntegrationTests.Api;

/// <summary>The package's client against the real API, and its README.</summary>
public sealed class ClientTests
{
    private const string Key = "a key of the shop";
    private static readonly string KeyHash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Key)));
    private static readonly CancellationToken Test = TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_readmes_example_stores_a_view_and_gets_recommendations_with_reasons()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(501), cache.ConnectionString, ("Security:WriteKeys:0", KeyHash));
        await using ServiceProvider services = Services(api, Key);

        IReadOnlyList<RecommendedItem> items = await new ProductPage(services.GetRequiredService<NanoRecSysClient>()).AlsoLikedAsync("11", "1010", Test);

        Assert.Equal(10, items.Count);
        Assert.All(items, item => Assert.NotEmpty(item.Reason!.Text));
        Assert.Equal(1010, (await api.HistoryAsync(11))[0]);
        string readme = await File.ReadAllTextAsync(Path.Combine(RepositoryFolder.Root, "NanoRecSys.Client", "README.md"), Test);
        string source = await File.ReadAllTextAsync(Path.Combine(RepositoryFolder.Root, "tests", "NanoRecSys.IntegrationTests", "Api", "ClientTests.cs"), Test);
        string example = source[source.LastIndexOf("public sealed class ProductPage", StringComparison.Ordinal)..].TrimEnd();
        Assert.Contains(example, readme, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Writing_without_the_key_says_which_setting_is_missing()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(501), cache.ConnectionString, ("Security:WriteKeys:0", KeyHash));
        await using ServiceProvider services = Services(api, key: null);

        ApiException failure = await Assert.ThrowsAsync<ApiException>(
            () => services.GetRequiredService<NanoRecSysClient>().StoreAsync(new EventRequest { UserId = 11, ItemId = 1010 }, Test));

        Assert.Equal(ApiFailure.KeyNeeded, failure.Failure);
        Assert.Contains("WriteKey", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_event_whose_answer_was_lost_is_sent_again_and_stored_once()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(501), cache.ConnectionString);
        await using ServiceProvider services = Services(api, key: null, client => client.AddHttpMessageHandler(() => new DropsFirstResponse()));

        EventReceipt receipt = await services.GetRequiredService<NanoRecSysClient>().StoreAsync(new EventRequest { UserId = 11, ItemId = 1010 }, Test);

        Assert.Equal((0, 1), (receipt.Stored, receipt.Duplicates));
        Assert.Single(await api.HistoryAsync(11), 1010);
    }

    /// <summary>With ids that contain reserved URL characters.</summary>
    [Fact]
    public async Task Items_and_events_are_stored_listed_and_deleted()
    {
        EntityId user = EntityId.Of("Ünal/1?"), item = EntityId.Of("a,b/c d%2F&#1");
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(501), cache.ConnectionString, ("Security:WriteKeys:0", KeyHash));
        await using ServiceProvider services = Services(api, Key);
        NanoRecSysClient client = services.GetRequiredService<NanoRecSysClient>();

        ItemReceipt put = await client.PutItemAsync(item, new ItemRequest { Title = "Walnut table", Categories = ["Tables"] }, Test);
        ItemDetail detail = await client.ItemAsync(item, Test);
        IReadOnlyList<ItemInfo> listed = await client.ItemsAsync([item, 1010, EntityId.Of("unknown")], Test), single = await client.ItemsAsync([item], Test);
        IReadOnlyList<ItemInfo> found = await client.SearchAsync("walnut", 5, Test);
        EventReceipt stored = await client.StoreAsync(
            [new EventRequest { UserId = user, ItemId = 1010, Key = "click/1" }, new EventRequest { UserId = user, ItemId = 1011 }, new EventRequest { UserId = user, ItemId = 1012 }], Test);
        EventsDeleted one = await client.DeleteEventAsync(user, "click/1", Test);
        UserHistoryResponse history = await client.HistoryAsync(user, 10, Test);
        EventsDeleted all = await client.DeleteEventsAsync(user, Test);
        ItemDeleted deleted = await client.DeleteItemAsync(item, Test);

        Assert.Equal((item, "Walnut table"), (put.Item.ItemId, detail.Item.Title));
        Assert.Equal([item, 1010], listed.Select(each => each.ItemId));
        Assert.Equal([item], single.Select(each => each.ItemId));
        Assert.Equal([item], found.Select(each => each.ItemId));
        Assert.Equal((3, 1, 2), (stored.Stored, one.Deleted, all.Deleted));
        Assert.Equal([1011, 1012], history.Items.Select(each => each.ItemId).Order(Comparer<EntityId>.Create(EntityId.Compare)));
        Assert.True(deleted.Deleted);
        Assert.Empty(await client.SearchAsync("walnut", 5, Test));
    }

    [Fact]
    public async Task Without_an_address_the_setting_is_named()
    {
        await using ServiceProvider services = Services(_ => { });

        Exception error = Assert.ThrowsAny<Exception>(services.GetRequiredService<NanoRecSysClient>);

        Assert.Contains("NanoRecSys:Address", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_package_holds_its_readme_and_depends_on_the_contracts_alone()
    {
        using var folder = new TemporaryFolder();
        string project = Path.Combine(RepositoryFolder.Root, "NanoRecSys.Client");
        string configuration = AppContext.BaseDirectory.Contains($"{Path.DirectorySeparatorChar}Release{Path.DirectorySeparatorChar}", StringComparison.Ordinal) ? "Release" : "Debug";
        using Process pack = Process.Start(new ProcessStartInfo("dotnet", ["pack", project, "--no-build", "-c", configuration, "-o", folder.Path]) { RedirectStandardOutput = true })!;
        string output = await pack.StandardOutput.ReadToEndAsync(Test);
        await pack.WaitForExitAsync(Test);
        Assert.True(pack.ExitCode == 0, output);

        using ZipArchive package = await ZipFile.OpenReadAsync(Assert.Single(Directory.GetFiles(folder.Path, "NanoRecSys.Client.*.nupkg")), Test);

        Assert.NotNull(package.GetEntry("README.md"));
        Assert.NotNull(package.GetEntry("lib/net10.0/NanoRecSys.Client.dll"));
        using StreamReader specification = new(package.GetEntry("NanoRecSys.Client.nuspec")!.Open());
        string text = await specification.ReadToEndAsync(Test);
        Assert.Contains("""<dependency id="NanoRecSys.Contracts" """.TrimEnd(), text, StringComparison.Ordinal);
        Assert.DoesNotContain("NanoRecSys.Core", text, StringComparison.Ordinal);
    }

    private static ServiceProvider Services(ApiServer api, string? key, Action<IHttpClientBuilder>? configure = null) =>
        Services(options => (options.Address, options.WriteKey) = (api.Client.BaseAddress, key), configure);

    private static ServiceProvider Services(Action<NanoRecSysOptions> options, Action<IHttpClientBuilder>? configure = null)
    {
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().Build());
        IHttpClientBuilder client = services.AddNanoRecSys(options);
        configure?.Invoke(client);
        return services.BuildServiceProvider();
    }

    /// <summary>Drops the first response: the API has stored the event, but the client gets an error.</summary>
    private sealed class DropsFirstResponse : DelegatingHandler
    {
        private bool _dropped;

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
            if (!_dropped)
            {
                _dropped = true;
                response.Dispose();
                throw new HttpRequestException("The connection was reset.");
            }

            return response;
        }
    }
}

public sealed class ProductPage(NanoRecSysClient recommender)
{
    public async Task<IReadOnlyList<RecommendedItem>> AlsoLikedAsync(string user, string product, CancellationToken cancellation)
    {
        await recommender.StoreAsync(new EventRequest { UserId = EntityId.Of(user), ItemId = EntityId.Of(product), Type = "view" }, cancellation);
        RecommendationsResponse answer = await recommender.RecommendAsync(
            new RecommendationsRequest { UserId = EntityId.Of(user), K = 10, Explain = true }, cancellation);
        return answer.Items;
    }
}
