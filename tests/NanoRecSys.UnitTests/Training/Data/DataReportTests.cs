using NanoRecSys.Training.Data.Files;

namespace NanoRecSys.UnitTests.Training.Data;

public sealed class DataReportTests : FolderTests
{
    [Fact]
    public async Task Inspection_counts_what_prepare_reads_without_preparing()
    {
        const string Events = """
            visitorid,itemid,event,rating,timestamp,page
            ann,x,view,2,1700000000,1
            ann,y,view,-1,1700000003,1
            ann,x,buy,5,1700000001,1
            ann,x,buy,5,1700000001,1
            ann,z,buy,5,1700000001,1
            bob,x,view,4,9900000000,2
            bob,,view,4,1700000000,2

            """;
        StepContext context = StepContexts.In(Folder.Path, "events");

        DataReport report = await InspectAsync(Events, steps: 0, context);

        Assert.Equal((2, 3, 5L, 1, 1L), (report.Users, report.Items, report.Interactions, report.ExactRepeats, report.BadRows));
        Assert.Equal((1L, 1, 1, -1f, 5f), (report.Repeated, report.NegativeRatings, report.FutureTimes, report.LowestRating, report.HighestRating));
        Assert.Equal(("visitorid", "page", "seconds"), (report.Format.Columns["user"], Assert.Single(report.Format.Ignored), report.TimeUnit));
        Assert.Equal(("ann", "x", "2023-11-14 22:13:20", 2.0), (report.Preview[0].User.Text, report.Preview[0].Item.Text, report.Preview[0].Time, report.Preview[0].Rating));
        Assert.Equal([("view", 3L), ("buy", 3L)], report.EventTypes.Select(type => (type.Name, type.Rows)));
        Assert.Equal([(1, 1, 1), (2, 3, 0), (4, 7, 1)], report.HistoryLengths.Select(bar => (bar.From, bar.To, bar.Count)));
        Assert.Equal([(1, 1, 2), (2, 3, 1)], report.Popularity.Select(bar => (bar.From, bar.To, bar.Count)));
        Assert.Equal((1, 1, 3), (report.Summary!.TiedUsers, report.Summary.ShortUsers, report.Summary.Undescribed));
        Assert.NotNull(report.Preset);
        Assert.False(Directory.Exists(context.Workspace.DataFolder));
    }

    [Fact]
    public async Task Data_that_prepare_would_refuse_is_still_described()
    {
        DataReport report = await InspectAsync("user,item\n1,2\n", steps: 1, StepContexts.In(Folder.Path, "events"));

        Assert.Equal((1, null, null), (report.Users, report.Summary, report.Estimate));
        Assert.StartsWith("No user has 3 interactions", report.Refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_few_steps_of_training_give_the_estimate()
    {
        string events = "user,item,ts\n" + string.Concat(Enumerable.Range(0, 200).Select(i => $"u{i / 10},i{(i * 7 + i / 10) % 30},{i}\n"));

        DataReport report = await InspectAsync(events, steps: 1, StepContexts.In(Folder.Path, "events"));

        Assert.Equal("auto", report.Estimate!.Preset);
        Assert.True(report.Estimate.StepSeconds > 0);
    }

    private async Task<DataReport> InspectAsync(string events, int steps, StepContext context)
    {
        string path = Folder.File("events.csv");
        await File.WriteAllTextAsync(path, events);
        return await DataReport.InspectAsync(new PrepareOptions { Data = path, Reading = new ReadOptions { SkipBadRows = 1 } }, steps, context);
    }
}

/// <summary>GroupLens' own files, which may not be part of the repository.</summary>
public sealed class OfficialEditionsTests : FolderTests
{
    [Theory]
    [InlineData("ml-latest-small/ml-latest-small.zip", 610, 9724, 100_836)]
    [InlineData("ml-100k", 943, 1682, 100_000)]
    public async Task Editions_are_read_whole(string path, int users, int items, int interactions)
    {
        string data = RepositoryFolder.Shared("data", path);

        DatasetSummary summary = await PrepareStep.RunAsync(new PrepareOptions { Data = data }, StepContexts.In(Folder.Path, "official"));

        Assert.Equal((users, items, (long)interactions), (summary.Users, summary.Items, summary.Interactions));
    }

    [Fact]
    public async Task Latin_1_titles_and_flag_genres_of_the_oldest_edition_are_read_correctly()
    {
        string data = RepositoryFolder.Shared("data", "ml-100k");
        var context = StepContexts.In(Folder.Path, "ml-100k");

        await PrepareStep.RunAsync(new PrepareOptions { Data = data }, context);

        PreparedData prepared = await PreparedData.LoadAsync(context.Workspace.DataFolder, TestContext.Current.CancellationToken);
        var movie = prepared.Catalog.Items.Single(item => item.Id == 543);
        Assert.Equal(("Les Misérables", 1995), (movie.Title, movie.Year));
        Assert.Equal(["Drama", "Musical"], movie.Categories);
    }
}
