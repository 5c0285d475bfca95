using NanoRecSys.Benchmarks.Generate;

namespace NanoRecSys.UnitTests.Benchmarks.Generate;

public sealed class GeneratedDataTests : FolderTests
{
    [Theory]
    [InlineData(300, 200, 9_000)]
    [InlineData(1_000, 900, 7_000)] // seven per user, as in a shop
    [InlineData(10, 30, 100)] // every user has the maximum number of ratings
    [InlineData(50, 400, 400)] // each item once
    public async Task There_are_exactly_the_requested_numbers_of_users_items_and_ratings(int users, int items, int ratings)
    {
        DatasetSummary summary = (await PrepareAsync(users, items, ratings)).Summary;

        Assert.Equal((users, items, (long)ratings), (summary.Users, summary.Items, summary.Interactions));
        Assert.Equal((0, 0), (summary.Repeated, summary.TiedUsers));
    }

    [Fact]
    public void The_seed_decides_every_byte()
    {
        byte[] first = Write(new GenerateOptions(Folder.File("a"), 100, 80, 2_000, Seed: 5));
        byte[] same = Write(new GenerateOptions(Folder.File("b"), 100, 80, 2_000, Seed: 5));
        byte[] other = Write(new GenerateOptions(Folder.File("c"), 100, 80, 2_000, Seed: 6));

        Assert.Equal(first, same);
        Assert.NotEqual(first, other);
    }

    [Fact]
    public void Rows_are_grouped_by_user_and_ordered_by_movie_as_MovieLens_has_them()
    {
        Write(new GenerateOptions(Folder.File("a"), 100, 80, 2_000, Seed: 1));

        string[] lines = File.ReadAllLines(Folder.File("a/ratings.csv"));
        (int User, int Movie)[] rows = [.. lines.Skip(1).Select(line => line.Split(',')).Select(row => (int.Parse(row[0]), int.Parse(row[1])))];
        Assert.Equal("userId,movieId,rating,timestamp", lines[0]);
        Assert.Equal(rows.Order(), rows);
        Assert.Equal("movieId,title,genres", File.ReadLines(Folder.File("a/movies.csv")).First());
    }

    [Fact]
    public async Task Movies_have_titles_years_and_genres()
    {
        PreparedData data = await PrepareAsync(100, 200, 3_000);

        Assert.All(data.Catalog.Items, item =>
        {
            Assert.InRange(item.Year ?? 0, 1930, 2014);
            Assert.InRange(item.Categories.Count, 1, 3);
        });
        Assert.Contains(data.Catalog.Items, item => item.Title.StartsWith("The ", StringComparison.Ordinal)); // the reader reorders "..., The"
    }

    [Fact]
    public async Task Activity_and_popularity_have_the_long_tails_of_ML_20M()
    {
        // A hundredth of ML-20M's users, with as many ratings per user.
        PreparedData data = await PrepareAsync(1_380, 2_700, 200_000);

        int[] activity = [.. Enumerable.Range(0, 1_380).Select(user => data.Histories.At(user).Length).Order()];
        Assert.Equal(20, activity[0]);
        Assert.InRange(activity[690], 60, 76); // ML-20M: 68
        int[] popularity = [.. data.Catalog.Items.Select(item => item.Count).OrderDescending()];
        double head = popularity.Take(27).Sum() / (double)popularity.Sum();
        double tail = popularity.Skip(1_350).Sum() / (double)popularity.Sum();
        Assert.InRange(head, 0.08, 0.25);
        Assert.InRange(tail, 0.005, 0.10);
    }

    [Fact]
    public async Task The_last_item_predicts_the_next_better_than_popularity_does()
    {
        PreparedData data = await PrepareAsync(1_500, 2_000, 120_000);
        var ranking = new NextItemRanking(data.Split, data.Catalog.Count) { Threads = 2 };

        double popularity = ranking.Evaluate(new Popularity(data.TrainWeights()), HeldOut.Test).Metrics["ndcg@10"];
        double knn = ranking.Evaluate(new ItemListScorer(ItemKnn.ModelName, ItemKnn.Build(data.Split, data.Catalog.Count, new ItemKnnOptions(), threads: 2)), HeldOut.Test).Metrics["ndcg@10"];

        TestContext.Current.TestOutputHelper?.WriteLine($"NDCG@10: popularity {popularity:F4}, item-kNN {knn:F4}");
        Assert.True(knn > 1.5 * popularity, $"item-kNN {knn:F4} is near popularity's {popularity:F4}");
    }

    [Theory]
    [InlineData(10, 10, 9, "9 ratings are too few for 10 users.")]
    [InlineData(5, 10, 9, "9 ratings are too few for 10 items.")]
    [InlineData(10, 30, 101, "10 users can rate at most 100 times: each rates up to a third of 30 items.")]
    [InlineData(0, 10, 10, "There must be users and items.")]
    public void Impossible_numbers_are_explained(int users, int items, int ratings, string reason) =>
        Assert.Equal(reason, new GenerateOptions(Folder.Path, users, items, ratings, 1).Impossible);

    private static byte[] Write(GenerateOptions options)
    {
        GeneratedData.Write(options, _ => { }, TestContext.Current.CancellationToken);
        return [.. File.ReadAllBytes(Path.Combine(options.Output, "ratings.csv")), .. File.ReadAllBytes(Path.Combine(options.Output, "movies.csv"))];
    }

    private async Task<PreparedData> PrepareAsync(int users, int items, int ratings)
    {
        string raw = Folder.File("generated");
        Write(new GenerateOptions(raw, users, items, ratings, Seed: 1));
        var context = StepContexts.In(Folder.Path, "generated");
        await PrepareStep.RunAsync(new PrepareOptions { Data = raw }, context);
        return await PreparedData.LoadAsync(context.Workspace.DataFolder, TestContext.Current.CancellationToken);
    }
}

public sealed class AliasTableTests
{
    [Fact]
    public void Numbers_are_drawn_in_proportion_to_their_weights()
    {
        AliasTable table = new([1, 0, 6, 3]);
        SplitMix random = new(seed: 1);
        var counts = new int[4];
        for (int i = 0; i < 100_000; i++)
        {
            counts[table.Draw(ref random)]++;
        }

        Assert.InRange(counts[0], 9_600, 10_400); // Four standard deviations: 10,000 +- 380.
        Assert.Equal(0, counts[1]);
        Assert.InRange(counts[2], 59_300, 60_700);
        Assert.InRange(counts[3], 29_400, 30_600);
    }
}

public sealed class SplitMixTests
{
    [Fact]
    public void The_numbers_are_those_of_the_published_generator()
    {
        SplitMix random = new(seed: 1234567); // The seed and values commonly used to check implementations.

        Assert.Equal(6457827717110365317UL, random.Next());
        Assert.Equal(3203168211198807973UL, random.Next());
        Assert.Equal(9817491932198370423UL, random.Next());
    }

    [Fact]
    public void Numbers_below_a_limit_cover_the_whole_range()
    {
        SplitMix random = new(seed: 3);

        int[] drawn = [.. Enumerable.Range(0, 1_000).Select(_ => random.Next(5))];

        Assert.Equal([0, 1, 2, 3, 4], drawn.Distinct().Order());
    }
}
