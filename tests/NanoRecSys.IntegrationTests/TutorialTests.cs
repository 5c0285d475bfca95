using DuckDB.NET.Data;
using NanoRecSys.Training.Data;
using TrainingProgram = NanoRecSys.Training.Commands.CommandLine;

namespace NanoRecSys.IntegrationTests;

/// <summary>Runs the tutorial's commands in order, on a first model like the one its first command trains, and checks the results it states.</summary>
public sealed class TutorialTests(LearnedArtifacts learned)
{
    private const string Training = "dotnet run -c Release --project NanoRecSys.Training -- ";
    private const string Curl = "curl -s ";
    private const string Post = "curl -s -X POST ";
    private const string Api = "localhost:5081";
    private const string OwnData = "events.parquet";
    private const string Lists = "recommendations.csv";

    // Starts the stack and trains the first model; run by the end-to-end tests.
    private const string First = "dotnet run --project NanoRecSys.AppHost";

    [Fact]
    public async Task Its_commands_work_from_the_first_model_to_a_changed_one_and_back()
    {
        string[] commands = [.. Document.Read("docs/tutorial.md").Commands().Where(command => !command.Contains(OwnData, StringComparison.Ordinal))];
        Assert.Equal(First, commands[0]);
        using var folder = new TemporaryFolder();
        StepContext copy = await learned.CopyAsync(folder.Path);
        string first = copy.Workspace.Store.ReadCurrent()!;
        await using ApiServer api = await ApiServer.StartAsync(copy.Workspace.Store);
        foreach (string command in commands.Skip(1))
        {
            GateResult? compared = command.Contains(" publish ", StringComparison.Ordinal) ? await CompareAsync(copy) : null;
            string answer = await FollowAsync(command, copy, api);
            if (command.Contains(" evaluate ", StringComparison.Ordinal))
            {
                string table = string.Join(' ', answer.Split(default(char[]), StringSplitOptions.RemoveEmptyEntries));
                Assert.All((string[])["671 users, all 9,066 items ranked", "validation", "popularity", "retriever", "ranker"], text => Assert.Contains(text, table, StringComparison.Ordinal));
            }
            else if (compared is not null)
            {
                // "This one is worse on purpose"; whether significantly so varies between training runs.
                Assert.True(compared.Candidate < compared.Served, PublishGate.Describe(compared));
                Assert.Equal(671, compared.Users);
                await RequireServedWithFiguresAndCurveAsync(copy.Workspace.Store.ReadCurrent()!, api);
            }
            else if (command.StartsWith(Post, StringComparison.Ordinal))
            {
                await api.ServeAsync(first); // the previous version, which is served again
            }
        }

        Assert.Equal(first, (await api.GetAsync("/models")).Text("served"));
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

        string inspected = await TrainAsync(commands[0].Replace(OwnData, folder.File(OwnData), StringComparison.Ordinal), store);
        Assert.All((string[])["user_id", "product_id", "event_type", "ts", "'run --preset auto' would take"], text => Assert.Contains(text, inspected, StringComparison.Ordinal));
        await TrainAsync(commands[1].Replace(OwnData, folder.File(OwnData), StringComparison.Ordinal), store);

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

    // Two hundred users with ten of forty products each, mostly in ascending order.
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

    // The version is listed first and served, with its metrics, and its run has a curve of two epochs.
    private static async Task RequireServedWithFiguresAndCurveAsync(string version, ApiServer api)
    {
        JsonElement models = await api.GetAsync("/models");
        JsonElement newest = models.GetProperty("versions")[0];
        Assert.Equal((version, version), (newest.Text("version"), models.Text("served")));
        Assert.Contains(newest.GetProperty("metrics").EnumerateArray(), result => result.Text("model") == "ranker" && result.GetProperty("metrics").TryGetProperty("ndcg@10", out _));
        JsonElement run = (await api.GetAsync("/training/runs")).GetProperty("runs")[0];
        Assert.Equal((version, 2), (run.Text("version"), run.GetProperty("epochs").GetArrayLength()));
        Assert.Equal(["prepare", "train-retriever", "mine-negatives", "train-ranker", "export", "index", "publish"], run.GetProperty("commands").Texts());
    }

    private static async Task<GateResult?> CompareAsync(StepContext copy)
    {
        PreparedData data = await PreparedData.LoadAsync(copy.Workspace.DataFolder, TestContext.Current.CancellationToken);
        return await PublishGate.CompareAsync(new PublishOptions().AllowedLoss, data, ExportedModel.Open(copy.Workspace, data).Report, [], copy);
    }

    private static async Task<string> TrainAsync(string command, ArtifactStore store)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        string[] args = [.. command[Training.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries), .. command.Contains(" inspect ", StringComparison.Ordinal) ? Array.Empty<string>() : ["--artifacts", store.Root]];
        int exit = await TrainingProgram.RunAsync(args, output, error, TestContext.Current.CancellationToken);
        Assert.True(exit == 0, $"{command}\n{error}");
        return output.ToString();
    }

    private static async Task<string> FollowAsync(string command, StepContext copy, ApiServer api)
    {
        if (command.StartsWith(Training, StringComparison.Ordinal))
        {
            string output = await TrainAsync(command.Replace(Lists, Path.Combine(copy.Workspace.Store.Root, Lists), StringComparison.Ordinal), copy.Workspace.Store);
            await api.ServeAsync(copy.Workspace.Store.ReadCurrent()!);
            return output;
        }

        if (command.StartsWith(Post, StringComparison.Ordinal))
        {
            return (await api.PostAsync(command[Post.Length..].Replace(Api, "", StringComparison.Ordinal), "")).GetRawText();
        }

        Assert.StartsWith(Curl, command, StringComparison.Ordinal);
        return (await api.GetAsync(command[Curl.Length..].Replace(Api, "", StringComparison.Ordinal))).GetRawText();
    }
}
