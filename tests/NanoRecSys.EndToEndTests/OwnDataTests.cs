using System.Net.Http.Json;

namespace NanoRecSys.EndToEndTests;

/// <summary>The whole pipeline on a user's own data; the first training is interrupted, then started by two hosts at once.</summary>
public sealed class OwnDataTests : IDisposable
{
    private const int Users = 40;
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(3);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Ctrl_C_during_a_training_leaves_no_process_two_hosts_then_train_once_and_users_get_what_they_have_not_seen()
    {
        Assert.SkipWhen(BuiltStack.Obstacle is not null, BuiltStack.Obstacle ?? "");
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        ILookup<int, int> watched = OfficialArchive.Write(_folder.File("ml-latest-small.zip"), Users);
        string artifacts = _folder.File("artifacts");
        string[] options = ["--data", _folder.File("ml-latest-small.zip")];
        await using (StackProcess interrupted = StackProcess.Start(artifacts, options))
        {
            await interrupted.WaitForOutputAsync("train-retriever:", Timeout, cancellation);
            Assert.NotEmpty(interrupted.Running("NanoRecSys.Training"));
            Assert.Equal(0, await interrupted.PressCtrlCAsync(Timeout));
            Assert.Empty(await interrupted.RemainingAfterAsync(TimeSpan.FromSeconds(20), cancellation));
        }

        Assert.False(File.Exists(Path.Combine(artifacts, "current")));
        await using StackProcess stack = StackProcess.Start(artifacts, options);
        await using StackProcess second = StackProcess.Start(artifacts, options);
        await stack.Recommending.WaitAsync(Timeout, cancellation);
        await second.Recommending.WaitAsync(Timeout, cancellation);
        Assert.Single(Runs(artifacts), run => run.EndsWith("completed", StringComparison.Ordinal));

        JsonElement dataset = Dataset(artifacts);
        Assert.Equal("ml-latest-small", dataset.GetProperty("name").GetString());
        Assert.Equal(
            (Users, 3061, 6873),
            (dataset.GetProperty("users").GetInt32(), dataset.GetProperty("items").GetInt32(), dataset.GetProperty("interactions").GetInt32()));

        using HttpClient api = new() { BaseAddress = stack.Api };
        JsonElement known = await RecommendAsync(api, Users);
        int[] movies = [.. known.GetProperty("movie_ids").EnumerateArray().Select(id => id.GetInt32())];
        Assert.Equal("live", known.GetProperty("mode").GetString());
        Assert.Equal(10, movies.Distinct().Count());
        Assert.Empty(movies.Intersect(watched[Users]));
        Assert.Empty(movies.Except(watched.SelectMany(user => user)));

        // A user of the sample who is not in the archive gets popular movies, with the reason.
        JsonElement unknown = await RecommendAsync(api, Users + 1);
        Assert.True(unknown.GetProperty("debug_timing").TryGetProperty("fallback_reason", out _), unknown.ToString());
    }

    /// <returns>Name and last state of each run.</returns>
    private static string[] Runs(string artifacts) =>
    [
        .. Directory.EnumerateFiles(Path.Combine(artifacts, "runs"), "progress.jsonl", SearchOption.AllDirectories)
            .Select(file => JsonDocument.Parse(File.ReadLines(file).Last()).RootElement)
            .Select(last => $"{last.GetProperty("run").GetString()} {last.GetProperty("state").GetString()}"),
    ];

    private static JsonElement Dataset(string artifacts)
    {
        string version = File.ReadAllText(Path.Combine(artifacts, "current")).Trim();
        string manifest = File.ReadAllText(Path.Combine(artifacts, "versions", version, "manifest.json"));
        return JsonDocument.Parse(manifest).RootElement.GetProperty("dataset");
    }

    private static async Task<JsonElement> RecommendAsync(HttpClient api, int user)
    {
        using HttpResponseMessage response = await api.PostAsJsonAsync(
            new Uri("/recommend", UriKind.Relative), new { user_id = user }, TestContext.Current.CancellationToken);
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
    }
}
