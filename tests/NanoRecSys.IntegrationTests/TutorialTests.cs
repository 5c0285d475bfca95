using DuckDB.NET.Data;
using TrainingProgram = NanoRecSys.Training.Commands.CommandLine;

namespace NanoRecSys.IntegrationTests;

/// <summary>Follows the tutorial: its commands, in its order, on what its first one leaves behind.</summary>
public sealed class TutorialTests(TrainedArtifacts trained)
{
    private const string Training = "dotnet run -c Release --project NanoRecSys.Training -- ";
    private const string Curl = "curl -s ";
    private const string Post = "curl -s -X POST ";
    private const string Api = "localhost:5081";
    private const string OwnData = "events.parquet";
    private const string Lists = "recommendations.csv";

    // Starts the stack and trains the first model: the end-to-end tests.
    private const string First = "dotnet run --project NanoRecSys.AppHost";

    [Fact]
    public async Task Its_commands_lead_from_the_first_model_to_a_changed_one_and_back()
    {
        string[] commands = [.. Document.Read("docs/tutorial.md").Commands().Where(command => !command.Contains(OwnData, StringComparison.Ordinal))];
        Assert.Equal(First, commands[0]);
        using var folder = new TemporaryFolder();
        StepContext copy = await trained.CopyAsync(folder.Path);
        string first = copy.Workspace.Store.ReadCurrent()!;
        await using ApiServer api = await ApiServer.StartAsync(copy.Workspace.Store);
        foreach (string command in commands.Skip(1))
        {
            await FollowAsync(command, copy, api);
        }

        // The API went back to the version from before, which then recommended to everybody.
        await api.ServeAsync(first);
        Assert.Equal(2, copy.Workspace.Store.ListVersions().Count);
        Assert.Equal(6_711, File.ReadLines(folder.File(Lists)).Count());
    }

    [Fact]
    public async Task A_shops_events_in_Parquet_are_served_after_two_commands()
    {
        string[] commands = [.. Document.Read("docs/tutorial.md").Commands().Where(command => command.Contains(OwnData, StringComparison.Ordinal))];
        Assert.Equal(2, commands.Length);
        using var folder = new TemporaryFolder();
        WriteEvents(folder.File(OwnData));
        var store = new ArtifactStore(folder.File("artifacts"));

        foreach (string command in commands)
        {
            await TrainAsync(command.Replace(OwnData, folder.File(OwnData), StringComparison.Ordinal), store);
        }

        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(store, cache.ConnectionString);
        string user = UserOf(7);
        string[] first = Items(await api.PostAsync("/recommendations", $$"""{"user_id": "{{user}}", "k": 3}"""));
        Assert.Equal(3, first.Length);
        Assert.All(first, item => Assert.StartsWith("SKU-", item, StringComparison.Ordinal));
        Assert.Equal("product", (await api.GetAsync("/catalog")).GetProperty("word").Text("singular"));
        await api.PostAsync("/events", $$"""{"user_id": "{{user}}", "item_id": "{{first[0]}}", "type": "purchase"}""");
        Assert.DoesNotContain(first[0], Items(await api.PostAsync("/recommendations", $$"""{"user_id": "{{user}}", "k": 3}""")));
        Assert.Equal(first[0], (await api.GetAsync($"/users/{user}/history")).GetProperty("items")[0].Text("item_id"));
    }

    private static string[] Items(JsonElement answer) => [.. answer.GetProperty("items").EnumerateArray().Select(item => item.Text("item_id"))];

    private static string UserOf(int number) => new Guid(number, 7, 7, [1, 2, 3, 4, 5, 6, 7, 8]).ToString();

    // Two hundred users with ten of forty products each, most of them in the order of the shelves.
    private static void WriteEvents(string path)
    {
        string csv = path + ".csv";
        File.WriteAllLines(csv, ["user_id,product_id,event_type,ts", .. Enumerable.Range(0, 200).SelectMany(user => Enumerable.Range(0, 10).Select(t =>
            $"{UserOf(user)},SKU-{(user * 7 + t + (user + t) % 3) % 40:000},{(t % 3 == 0 ? "purchase" : "view")},{1_760_000_000 + 1000 * user + t}"))]);
        using var database = new DuckDBConnection("DataSource=:memory:");
        database.Open();
        using DuckDBCommand command = database.CreateCommand();
        command.CommandText = $"COPY (SELECT user_id::UUID AS user_id, product_id, event_type, ts FROM read_csv('{csv}')) TO '{path}' (FORMAT parquet)";
        command.ExecuteNonQuery();
        File.Delete(csv);
    }

    private static async Task TrainAsync(string command, ArtifactStore store)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        string[] args = [.. command[Training.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries), .. command.Contains(" inspect ", StringComparison.Ordinal) ? Array.Empty<string>() : ["--artifacts", store.Root]];
        int exit = await TrainingProgram.RunAsync(args, output, error, TestContext.Current.CancellationToken);
        Assert.True(exit == 0, $"{command}\n{error}");
    }

    private static async Task FollowAsync(string command, StepContext copy, ApiServer api)
    {
        if (command.StartsWith(Training, StringComparison.Ordinal))
        {
            await TrainAsync(command.Replace(Lists, Path.Combine(copy.Workspace.Store.Root, Lists), StringComparison.Ordinal), copy.Workspace.Store);
            await api.ServeAsync(copy.Workspace.Store.ReadCurrent()!);
        }
        else if (command.StartsWith(Post, StringComparison.Ordinal))
        {
            await api.PostAsync(command[Post.Length..].Replace(Api, "", StringComparison.Ordinal), "");
        }
        else
        {
            Assert.StartsWith(Curl, command, StringComparison.Ordinal);
            Assert.NotEqual(JsonValueKind.Undefined, (await api.GetAsync(command[Curl.Length..].Replace(Api, "", StringComparison.Ordinal))).ValueKind);
        }
    }
}
