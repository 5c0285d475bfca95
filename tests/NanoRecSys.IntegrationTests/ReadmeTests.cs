using TrainingProgram = NanoRecSys.Training.Commands.CommandLine;

namespace NanoRecSys.IntegrationTests;

/// <summary>Checks that every command of the README is run, here or elsewhere.</summary>
public sealed class ReadmeTests(TrainedArtifacts trained)
{
    private const string Training = "dotnet run -c Release --project NanoRecSys.Training -- ";
    private const string Benchmarks = "dotnet run -c Release --project benchmarks/NanoRecSys.Benchmarks -- ";

    // Commands that take too long to run again here, and where they are run.
    private static readonly string[] RunElsewhere =
    [
        "dotnet run --project NanoRecSys.AppHost", // the end-to-end tests
        "dotnet test", // .ci/run
        Training + "run --preset quick --data small", // the AppHost's training, in the end-to-end tests
        Benchmarks + "start", // starts the AppHost six times; the end-to-end tests start it
        "dotnet run --project NanoRecSys.AppHost -- --data ml-latest-small", // from a zip: OwnDataTests; the download: MovieLensDownloadTests
    ];

    private static readonly string[] RunHere =
    [
        Training + "evaluate retriever --data small --json",
        """curl -s localhost:5081/recommend -H 'content-type: application/json' -d '{"user_id": 1, "k": 5, "explain": true}'""",
        Benchmarks + "load --scenario cold",
        Benchmarks + "scale --artifacts artifacts-at-scale --user-embeddings none",
    ];

    [Fact]
    public void Every_command_is_run_by_a_test()
    {
        Assert.Equal(RunElsewhere.Concat(RunHere).Order(StringComparer.Ordinal), Document.Read("README.md").Commands().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_evaluation_prints_one_line_of_json()
    {
        using var folder = new TemporaryFolder();
        StepContext copy = await trained.CopyAsync(folder.Path);
        string[] args = [.. RunHere[0][Training.Length..].Split(' '), "--artifacts", copy.Workspace.Store.Root];
        using var output = new StringWriter();
        using var error = new StringWriter();

        int exit = await TrainingProgram.RunAsync(args, output, error, TestContext.Current.CancellationToken);

        Assert.True(exit == 0, error.ToString());
        JsonElement line = JsonDocument.Parse(Assert.Single(output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries))).RootElement;
        Assert.Equal(("retriever", "test", 671), (line.GetProperty("model").GetString(), line.GetProperty("split").GetString(), line.GetProperty("users").GetInt32()));
        Assert.InRange(line.GetProperty("hr@10").GetDouble(), 0, 1);
    }

    [Fact]
    public async Task The_question_is_answered_with_five_movies_and_their_reasons()
    {
        await using ApiServer api = await ApiServer.StartAsync(await trained.StoreAsync());
        string body = RunHere[1][(RunHere[1].IndexOf("-d '", StringComparison.Ordinal) + "-d '".Length)..^1];

        JsonElement answer = await api.PostAsync("/recommend", body);

        Assert.Equal(5, answer.MovieIds().Length);
        Assert.Equal(5, answer.GetProperty("explanations").GetArrayLength());
        string shown = Document.Read("README.md").Text;
        shown = shown[shown.IndexOf("```json", StringComparison.Ordinal)..];
        Assert.All(
            shown[..shown.IndexOf("\n}", StringComparison.Ordinal)].Split('\n').Skip(2),
            line => Assert.True(answer.TryGetProperty(line.Split('"')[1], out _), line)); // every field that the README shows
    }

    [Fact]
    public async Task The_load_generator_measures_a_running_api()
    {
        await using ApiServer api = await ApiServer.StartAsync(await trained.StoreAsync());
        string[] args = [.. RunHere[2][Benchmarks.Length..].Split(' '), "--url", api.Client.BaseAddress!.ToString(), "--duration", "1", "--json"];
        string output = await BenchmarkAsync(args);

        JsonElement line = JsonDocument.Parse(output.TrimEnd().Split('\n')[^1]).RootElement;
        Assert.True(line.GetProperty("requests_per_second").GetDouble() > 0, output);
        Assert.Equal(0, line.GetProperty("failed").GetInt32());
    }

    [Fact]
    public async Task A_version_of_any_size_is_published_and_served()
    {
        using var folder = new TemporaryFolder();
        string[] sizes = "--users 60 --items 90 --ratings 1500 --dimension 32 --blocks 2 --heads 2 --feed-forward 64".Split(' ');
        string[] args = [.. RunHere[3][Benchmarks.Length..].Replace("artifacts-at-scale", folder.Path, StringComparison.Ordinal).Split(' '), .. sizes];

        await BenchmarkAsync(args);

        await using ApiServer api = await ApiServer.StartAsync(new ArtifactStore(folder.Path));
        Assert.Equal(5, (await api.PostAsync("/recommend", """{"user_id": 1, "k": 5}""")).MovieIds().Length);
    }

    private static async Task<string> BenchmarkAsync(string[] args)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "NanoRecSys.Benchmarks.dll"), .. args]) { RedirectStandardOutput = true };
        using Process benchmark = Process.Start(start)!;
        string output = await benchmark.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await benchmark.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(benchmark.ExitCode == 0, output);
        return output;
    }
}
