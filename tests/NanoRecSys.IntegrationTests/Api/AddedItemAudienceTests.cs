using NanoRecSys.Training.Data;
using NanoRecSys.Training.Ranking;
using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.IntegrationTests.Api;

/// <summary>A movie that nobody has seen, added while the service runs, is recommended to users who like its genre and to no others.</summary>
public sealed class AddedItemAudienceTests : IDisposable
{
    private const int MoviesOfEach = 30;
    private const int NewCartoon = 9_001;
    private const int NewHorror = 9_002;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(RankerUse.Always)]
    [InlineData(RankerUse.Never)]
    public async Task An_added_cartoon_is_recommended_to_those_who_watch_cartoons_and_a_horror_film_to_the_others(RankerUse ranker)
    {
        int[] users = [.. Enumerable.Range(1, 120)]; // odd ids watch cartoons, even ids horror films
        var store = new ArtifactStore(_folder.File("artifacts"));
        await WholeTraining.RunAsync(
            new PrepareOptions { Data = WriteData(users) },
            new TrainRetrieverOptions { Dimension = 16, Blocks = 1, Heads = 2, FeedForward = 32, MaxLength = 20, WarmupSteps = 10, Epochs = 20, BatchUsers = 16 },
            new MineNegativesOptions { Skip = 0, Hard = 5, PositionsPerUser = 5 },
            new TrainRankerOptions { Hidden = [16, 8], Epochs = 5 },
            ranker,
            new StepContext(new Workspace(store, "camps"), Seed: 1, new Progress<ProgressEvent>(), CancellationToken.None));
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(store, cache.ConnectionString);

        await api.PostAsync("/items", $$"""{"movie_id": {{NewCartoon}}, "title": "Entirely Other (2001)", "genres": ["Animation"]}""");
        await api.PostAsync("/items", $$"""{"movie_id": {{NewHorror}}, "title": "Something Else (2001)", "genres": ["Horror"]}""");

        List<(int User, int[] Movies)> lists = [];
        foreach (int user in users)
        {
            lists.Add((user, (await RecommendAsync(api, user)).MovieIds()));
        }

        foreach ((int camp, int own, int other) in new[] { (1, NewCartoon, NewHorror), (0, NewHorror, NewCartoon) })
        {
            Assert.InRange(lists.Count(list => list.User % 2 == camp && list.Movies.Contains(own)), 40, 60);
            Assert.InRange(lists.Count(list => list.User % 2 == camp && list.Movies.Contains(other)), 0, 5);
        }
    }

    // Users have seen twelve of the thirty movies of their genre: the other eighteen and the new one compete for eighteen places.
    private static async Task<JsonElement> RecommendAsync(ApiServer api, int user) => await api.PostAsync("/recommend", $$"""{"user_id": {{user}}, "k": 18}""");

    private string WriteData(int[] users)
    {
        string folder = _folder.File("camps");
        Directory.CreateDirectory(folder);
        var random = new Random(1);
        List<string> ratings = ["userId,movieId,rating,timestamp"];
        foreach (int user in users)
        {
            int[] movies = [.. Enumerable.Range(1, MoviesOfEach).Select(movie => (2 * movie) - (user % 2))]; // odd or even, like the user
            random.Shuffle(movies);
            ratings.AddRange(movies.Take(12).Select((movie, t) => $"{user},{movie},4,{1000 + t}"));
        }

        File.WriteAllLines(Path.Combine(folder, "ratings.csv"), ratings);
        File.WriteAllLines(Path.Combine(folder, "movies.csv"), Enumerable.Range(1, 2 * MoviesOfEach)
            .Select(movie => $"{movie},Movie {movie} ({1990 + (movie % 20)}),{(movie % 2 == 1 ? "Animation" : "Horror")}").Prepend("movieId,title,genres"));
        return folder;
    }
}
