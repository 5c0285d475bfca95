using System.Numerics.Tensors;

namespace NanoRecSys.IntegrationTests.Api;

public sealed class FilterTests
{
    private static readonly int[] Seen = [1001, 1002, 1003]; // by the quiet user

    [Theory]
    [InlineData("""{"genres_any": ["Comedy"]}""")]
    [InlineData("""{"genres_any": ["comedy", "DRAMA"], "genres_none": ["Drama"]}""")]
    [InlineData("""{"genres_none": ["Comedy", "Thriller"]}""")]
    [InlineData("""{"year_from": 1990, "year_to": 2000}""")]
    [InlineData("""{"min_popularity": 40}""")]
    [InlineData("""{"exclude_ids": [1004, 1005, 1006]}""")]
    [InlineData("""{"only_ids": [1050, 1001, 1060]}""")]
    [InlineData("""{"genres_any": ["Drama"], "year_from": 1980, "exclude_ids": [1059], "min_popularity": 2}""")]
    public async Task Exactly_the_items_that_pass_the_filter_are_returned(string filter)
    {
        ApiServer api = await SharedServers.Ranked;
        JsonElement requested = JsonSerializer.Deserialize<JsonElement>(filter);

        JsonElement personal = await api.PostAsync("/recommend", $$"""{"user_id": 11, "filters": {{filter}}, "k": 60}""");
        JsonElement popular = await api.PostAsync("/recommend", $$"""{"user_id": 999, "filters": {{filter}}, "k": 60}""");

        int[] passing = [.. RandomModel.Catalog.Items.Where(item => Passes(requested, item)).Select(item => item.Id.Number())];
        Assert.Equal(passing.Except(Seen).Order(), personal.MovieIds().Order());
        // First the movies that the five users started with, then the most watched.
        Assert.Equal(passing.OrderByDescending(id => id <= 1003 ? 2 : id is <= 1010 or (>= 1041 and <= 1043) ? 1 : 0), popular.MovieIds());
    }

    [Fact]
    public async Task No_item_of_a_catalog_without_years_and_genres_passes_a_filter_by_them()
    {
        var items = new Catalog([.. RandomModel.Catalog.Items.Select(item => item with { Categories = [], Attributes = new Dictionary<string, AttributeValue>() })]);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(118) { Movies = items, Ranker = null }, redis: null);

        JsonElement ofYears = await api.PostAsync("/recommend", """{"user_id": 11, "filters": {"year_from": 1990}}""");
        using HttpResponseMessage ofGenres = await api.SendAsync("/recommend", """{"user_id": 11, "filters": {"genres_any": ["Comedy"]}}""");

        Assert.Empty(ofYears.MovieIds());
        Assert.Equal(HttpStatusCode.UnprocessableEntity, ofGenres.StatusCode);
        Assert.Contains("No movie has the genre 'Comedy'; there are none", await ofGenres.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task K_items_are_returned_even_if_the_nearest_are_filtered_out()
    {
        ApiServer api = await SharedServers.Unranked;
        int[] nearest = (await api.PostAsync("/recommend", """{"user_id": 11, "k": 57}""")).MovieIds();

        JsonElement answer = await api.PostAsync("/recommend", $$$"""{"user_id": 11, "k": 7, "filters": {"exclude_ids": [{{{string.Join(',', nearest[..50])}}}]}}""");

        Assert.Equal(nearest[50..], answer.MovieIds());
    }

    [Theory, MemberData(nameof(CacheServer.Kinds), MemberType = typeof(CacheServer))]
    public async Task Different_filters_have_different_cache_entries_regardless_of_order(string kind)
    {
        using CacheServer cache = CacheServer.Start(kind);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(213), cache.ConnectionString);
        async Task<bool> FromCacheAsync(string options) => (await api.PostAsync("/recommend", $$"""{"user_id": 11{{options}}}""")).Flag("served_from_cache");

        foreach (string options in (string[])
        [
            "", ", \"filters\": {\"genres_any\": [\"Drama\", \"Comedy\"]}", ", \"filters\": {\"genres_none\": [\"Drama\", \"Comedy\"]}",
            ", \"filters\": {\"exclude_ids\": [1010, 1011]}", ", \"filters\": {\"only_ids\": [1010, 1011]}", ", \"diversity\": 0.3", ", \"popularity_penalty\": 0.3",
        ])
        {
            Assert.False(await FromCacheAsync(options), options);
        }

        Assert.True(await FromCacheAsync(", \"filters\": {}"));
        Assert.True(await FromCacheAsync(", \"filters\": {\"genres_any\": [\"comedy\", \"Drama\"]}"));
        Assert.True(await FromCacheAsync(", \"filters\": {\"exclude_ids\": [1011, 1010, 1011]}"));
    }

    [Theory]
    [InlineData("""{"filters": {"genres": ["Drama"]}}""", "extra_forbidden")]
    [InlineData("""{"filters": {"genres_any": ["Drama", "Dramma"]}}""", "unknown_genre")]
    [InlineData("""{"filters": {"genres_any": [5]}}""", "string_type")]
    [InlineData("""{"filters": [1]}""", "model_attributes_type")]
    [InlineData("""{"filters": {"min_popularity": -1}}""", "greater_than_equal")]
    [InlineData("""{"diversity": 1.5}""", "out_of_range")]
    public async Task An_invalid_filter_is_never_ignored(string options, string type)
    {
        ApiServer api = await SharedServers.Ranked;

        using HttpResponseMessage response = await api.SendAsync("/recommend", $$"""{"user_id": 11, {{options[1..]}}""");

        Assert.Equal(422, (int)response.StatusCode);
        Assert.Equal(type, (await response.BodyAsync()).GetProperty("detail")[0].Text("type"));
    }

    [Fact]
    public async Task Ids_of_a_filter_that_the_catalog_lacks_are_named()
    {
        ApiServer api = await SharedServers.Ranked;

        JsonElement answer = await api.PostAsync("/recommend", """{"user_id": 11, "filters": {"only_ids": [1010, 7], "exclude_ids": [8]}}""");

        Assert.Equal([1010], answer.MovieIds());
        Assert.Equal("[7,8]", answer.GetProperty("unknown_movie_ids").GetRawText());
    }

    [Fact]
    public async Task Diversity_lowers_the_similarity_of_the_listed_movies()
    {
        ApiServer api = await SharedServers.Unranked;
        (float[] vectors, int width) = NpyFile.Read(api.Store.Open(api.Store.ReadCurrent()!).PathOf(ArtifactNames.ItemEmbeddings));
        async Task<(int First, double Similarity)> AskAsync(string diversity)
        {
            int[] rows = [.. (await api.PostAsync("/recommend", $$"""{"user_id": 11, "k": 5, "diversity": {{diversity}}}""")).MovieIds().Select(id => id - 1001)];
            Assert.Equal(5, rows.Distinct().Count());
            return (rows[0], rows.SelectMany((a, i) => rows[(i + 1)..].Select(b => (double)TensorPrimitives.Dot(vectors.AsSpan(a * width, width), vectors.AsSpan(b * width, width)))).Average());
        }

        (int First, double Similarity)[] answers = [await AskAsync("0"), await AskAsync("0.5"), await AskAsync("1")];

        Assert.Equal(answers[0].First, answers[1].First); // the best item stays first
        Assert.True(answers[1].Similarity < answers[0].Similarity, $"{answers[1]} {answers[0]}");
        Assert.True(answers[2].Similarity < answers[1].Similarity, $"{answers[2]} {answers[1]}");
    }

    [Fact]
    public async Task A_popularity_penalty_recommends_rarer_movies()
    {
        ApiServer api = await SharedServers.Unranked;
        async Task<double> CountAsync(string penalty) => (await api.PostAsync("/recommend", $$"""{"user_id": 11, "k": 10, "popularity_penalty": {{penalty}}}"""))
            .MovieIds().Average(id => RandomModel.Catalog.Items[id - 1001].Count);

        Assert.True(await CountAsync("1") < await CountAsync("0"));
    }

    private static bool Passes(JsonElement filter, CatalogItem item)
    {
        string[] Texts(string name) => filter.TryGetProperty(name, out JsonElement list) ? list.Texts() : [];
        int[] Ids(string name) => filter.TryGetProperty(name, out JsonElement list) ? [.. list.EnumerateArray().Select(id => id.GetInt32())] : [];
        int? Number(string name) => filter.TryGetProperty(name, out JsonElement number) ? number.GetInt32() : null;
        bool Has(string genre) => item.Categories.Contains(genre, StringComparer.OrdinalIgnoreCase);
        return (Texts("genres_any") is [] || Texts("genres_any").Any(Has)) && !Texts("genres_none").Any(Has)
            && (Number("year_from") is not { } from || item.Year >= from) && (Number("year_to") is not { } to || item.Year <= to)
            && (Ids("only_ids") is [] || Ids("only_ids").Contains(item.Id.Number())) && !Ids("exclude_ids").Contains(item.Id.Number())
            && item.Count >= (Number("min_popularity") ?? 0);
    }
}
