using System.Globalization;

namespace NanoRecSys.UnitTests.Training.Data;

public sealed class HeldOutItemsTests : FolderTests
{
    [Fact]
    public async Task Held_out_items_are_removed_with_all_their_interactions()
    {
        (StepContext context, DatasetSummary summary) = await PrepareAsync(share: 0.25);

        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        HeldOutItems heldOut = HeldOutItems.Read(context.Workspace.DataFolder);

        Assert.Equal((2, 6), (heldOut.Items.Count, data.Catalog.Count));
        Assert.Equal((2, 8 * 6L), (summary.NewItems, summary.Interactions)); // eight users, each with six of the eight items left
        Assert.Empty(heldOut.Items.Select(item => item.Id).Intersect(data.Catalog.Items.Select(item => item.Id)));
        Assert.All(heldOut.Items, item => Assert.Equal((0, $"Film {item.Id}", 1990), (item.Count, item.Title, item.Year)));
    }

    [Fact]
    public async Task Each_users_last_one_is_predicted_from_the_items_before_it()
    {
        (StepContext context, _) = await PrepareAsync(share: 0.25);
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        HeldOutItems heldOut = HeldOutItems.Read(context.Workspace.DataFolder);

        // User u has films u, u + 1, ... on a circle of eight.
        foreach (HeldOutItemCase held in heldOut.Cases)
        {
            int[] order = [.. Enumerable.Range(0, 8).Select(t => 1 + (int.Parse(held.UserId.Text, CultureInfo.InvariantCulture) + t) % 8)];
            int[] fresh = [.. heldOut.Items.Select(item => int.Parse(item.Id.Text, CultureInfo.InvariantCulture))];
            int place = Array.FindLastIndex(order, fresh.Contains);
            Assert.Equal((EntityId)order[place], held.ItemId);
            Assert.Equal(order[..place].Except(fresh).Count(), held.Known);
        }

        Assert.InRange(heldOut.Cases.Count, 7, 8); // a user with no item before it has no case
    }

    [Fact]
    public async Task The_seed_determines_them()
    {
        EntityId[] Ids(StepContext context) => [.. HeldOutItems.Read(context.Workspace.DataFolder).Items.Select(item => item.Id)];

        EntityId[] first = Ids((await PrepareAsync(0.5)).Context);

        Assert.Equal(first, Ids((await PrepareAsync(0.5)).Context));
        Assert.NotEqual(first, Ids((await PrepareAsync(0.5, seed: 4)).Context));
    }

    [Fact]
    public async Task Data_prepared_without_them_names_the_command_to_run()
    {
        (StepContext context, _) = await PrepareAsync(share: 0);

        Assert.Refused<UserErrorException>(() => HeldOutItems.Read(context.Workspace.DataFolder), "Run 'prepare' with --new-items");
    }

    private async Task<(StepContext Context, DatasetSummary Summary)> PrepareAsync(double share, long seed = 3)
    {
        string source = Directory.CreateDirectory(Folder.File("source")).FullName;
        IEnumerable<string> rows = Enumerable.Range(0, 8).SelectMany(user => Enumerable.Range(0, 8).Select(t => $"{user},{1 + (user + t) % 8},4,{100 + t}"));
        await File.WriteAllLinesAsync(Path.Combine(source, "ratings.csv"), ["userId,movieId,rating,timestamp", .. rows], TestContext.Current.CancellationToken);
        await File.WriteAllLinesAsync(
            Path.Combine(source, "movies.csv"), ["movieId,title,genres", .. Enumerable.Range(1, 8).Select(id => $"{id},Film {id} (1990),Drama")], TestContext.Current.CancellationToken);
        StepContext context = StepContexts.In(Folder.File("artifacts"), "circle") with { Seed = seed };
        return (context, await PrepareStep.RunAsync(new PrepareOptions { Data = source, NewItems = share }, context));
    }
}
