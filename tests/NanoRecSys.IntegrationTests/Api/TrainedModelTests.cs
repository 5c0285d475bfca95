namespace NanoRecSys.IntegrationTests.Api;

/// <summary>The API with the result of the real training, export and publish steps on the sample.</summary>
public sealed class TrainedModelTests(TrainedArtifacts trained)
{
    [Theory, MemberData(nameof(CacheServer.Kinds), MemberType = typeof(CacheServer))]
    public async Task Every_fifth_user_gets_ten_unseen_movies_and_the_same_ten_from_the_cache(string kind)
    {
        ArtifactStore store = await trained.StoreAsync();
        UserHistories histories = HistoriesFile.Read((await trained.VersionAsync()).Folder);
        Catalog catalog = await CatalogFile.ReadAsync((await trained.VersionAsync()).PathOf(ArtifactNames.Catalog), TestContext.Current.CancellationToken);
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(store, cache.ConnectionString);

        for (int position = 0; position < histories.UserCount; position += 5)
        {
            int user = histories.Users[position].Number();
            JsonElement cold = await api.PostAsync("/recommend", $$"""{"user_id": {{user}}}""");
            JsonElement cached = await api.PostAsync("/recommend", $$"""{"user_id": {{user}}}""");

            HashSet<int> seen = [.. histories.At(position).ToArray().Select(row => catalog.Items[row].Id.Number())];
            Assert.Equal(10, cold.MovieIds().Distinct().Count());
            Assert.DoesNotContain(cold.MovieIds(), seen.Contains);
            Assert.True(cached.Flag("served_from_cache"));
            Assert.Equal(cold.MovieIds(), cached.MovieIds());
            Assert.Equal(cold.Scores(), cached.Scores());
        }
    }

    [Fact]
    public async Task Movies_are_shown_with_title_year_and_genres()
    {
        await using ApiServer api = await ApiServer.StartAsync(await trained.StoreAsync());

        JsonElement found = await api.GetAsync("/items?query=toy%20story&limit=1");

        Assert.Equal("Toy Story", found.GetProperty("items")[0].Text("title"));
        Assert.Equal(1995, found.GetProperty("items")[0].GetProperty("attributes").GetProperty("year").GetInt32());
        Assert.Contains("Animation", found.GetProperty("items")[0].GetProperty("categories").Texts());
    }

    [Fact]
    public async Task An_unknown_user_gets_the_most_common_of_the_first_ten_items()
    {
        Catalog catalog = await CatalogFile.ReadAsync((await trained.VersionAsync()).PathOf(ArtifactNames.Catalog), TestContext.Current.CancellationToken);
        UserHistories histories = HistoriesFile.Read((await trained.VersionAsync()).Folder);
        Dictionary<int, int> users = Enumerable.Range(0, histories.UserCount)
            .SelectMany(user => histories.At(user).ToArray().Take(10).Distinct())
            .CountBy(row => row).ToDictionary();
        await using ApiServer api = await ApiServer.StartAsync(await trained.StoreAsync());

        JsonElement answer = await api.PostAsync("/recommend", """{"user_id": 1000000, "k": 5}""");

        Assert.Equal(
            catalog.Items.OrderByDescending(item => users.GetValueOrDefault(item.Index)).ThenByDescending(item => item.Count).ThenBy(item => item.Index).Take(5).Select(item => item.Id.Number()),
            answer.MovieIds());
    }
}
