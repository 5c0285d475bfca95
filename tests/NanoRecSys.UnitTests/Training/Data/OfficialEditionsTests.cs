namespace NanoRecSys.UnitTests.Training.Data;

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
