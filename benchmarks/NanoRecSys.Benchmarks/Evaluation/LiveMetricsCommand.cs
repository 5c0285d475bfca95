using System.Net.Http.Json;
using NanoRecSys.Training.Evaluation;

namespace NanoRecSys.Benchmarks.Evaluation;

/// <summary>The command <c>live-metrics</c>: compares hit ratios through a running API with the offline ranking for the same users.</summary>
internal static class LiveMetricsCommand
{
    public static Command Create()
    {
        Option<string> data = new("--data") { Description = "--data of the training.", DefaultValueFactory = _ => TrainingNames.Sample };
        Option<string> artifacts = new("--artifacts") { Description = "Artifacts folder of the training.", DefaultValueFactory = _ => "artifacts" };
        Option<Uri> url = ApiAddress.CreateOption();
        Option<string> model = new("--model") { Description = "How the version was published: ranker, or retriever (with --ranker never).", DefaultValueFactory = _ => "retriever" };
        model.AcceptOnlyFromAmong("retriever", "ranker");
        Option<int> users = new("--users") { Description = "Number of users, sampled at random.", DefaultValueFactory = _ => 1_000 };
        Command command = new(
            "live-metrics", "Compare HR@10/50/100 on validation through /recommend with the offline ranking, for a version published with --serve-split train.")
        {
            data, artifacts, url, model, users,
        };
        command.SetAction(async (parsed, cancellation) =>
        {
            LibTorch.Load();
            var workspace = new Workspace(new ArtifactStore(parsed.GetValue(artifacts)!), DatasetSource.NameOf(parsed.GetValue(data)!));
            using HttpClient api = new() { BaseAddress = parsed.GetValue(url) };
            var context = new StepContext(workspace, Seed: 1, new Progress<ProgressEvent>(), cancellation);
            return await RunAsync(api, context, parsed.GetValue(model)!, parsed.GetValue(users), parsed.GetValue(JsonLine.Option));
        });
        return command;
    }

    private static async Task<int> RunAsync(HttpClient api, StepContext context, string model, int users, bool json)
    {
        try
        {
            Report(await LiveMetrics.MeasureAsync(api, context, model, users), json);
            return 0;
        }
        catch (HttpRequestException e)
        {
            await Console.Error.WriteLineAsync($"{api.BaseAddress} does not recommend: {e.Message}");
        }
        catch (UserErrorException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
        }

        return 1;
    }

    private static void Report(IReadOnlyList<LiveAgreement> places, bool json)
    {
        Table table = new Table().Title("Validation items among the first recommendations").AddColumns("HR", "live", "offline", "users who differ");
        foreach (LiveAgreement at in places)
        {
            table.AddRow($"@{at.Place}", $"{at.Live:F4}", $"{at.Offline:F4}", $"{at.Differ}");
        }

        AnsiConsole.Write(table);
        JsonLine.Write(json, places, JsonSerializerOptions.Web);
    }
}

/// <summary>Hits of the same users' validation items in a running API's answers and in the offline ranking.</summary>
/// <param name="Place">10: among the first ten.</param>
/// <param name="Live">Share of the users whose item the API recommends there.</param>
/// <param name="Offline">The same for the ranking of the whole catalog.</param>
/// <param name="Differ">Users for whom the two disagree.</param>
internal sealed record LiveAgreement(int Place, double Live, double Offline, int Differ);

/// <summary>Compares offline metrics with served results, for a version published with <c>--serve-split train</c>.</summary>
internal static class LiveMetrics
{
    private const int AnswerLength = 100;
    private const int Connections = 4;

    private static readonly int[] Places = [10, 50, AnswerLength];

    /// <param name="api">The API that serves that version.</param>
    /// <param name="context">Locates its data and retriever; its seed determines the users.</param>
    /// <param name="model">How the version was published: with <c>ranker</c>, or only <c>retriever</c>.</param>
    public static async Task<IReadOnlyList<LiveAgreement>> MeasureAsync(HttpClient api, StepContext context, string model, int users)
    {
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        using var models = new EvaluatedModels([model], data, context);
        RankedUsers offline = new NextItemRanking(data.Split, data.Catalog.Count) { Threads = context.Threads }
            .Rank(models.Scorers, HeldOut.Validation, cancellation: context.Cancellation);
        int[] asked = [.. Enumerable.Range(0, offline.Users.Length)];
        new Random(unchecked((int)context.Seed)).Shuffle(asked);
        asked = asked[..Math.Min(users, asked.Length)];

        int[] live = new int[asked.Length]; // ranks like the offline ones: 1 is the best
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = Connections, CancellationToken = context.Cancellation };
        await Parallel.ForAsync(0, asked.Length, parallel, async (i, cancellation) =>
        {
            EntityId user = data.Histories.Users[offline.Users[asked[i]]];
            EntityId target = data.Catalog.Items[offline.Targets[asked[i]]].Id;
            int place = (await RecommendAsync(api, user, cancellation)).IndexOf(target);
            live[i] = place < 0 ? int.MaxValue : place + 1;
        });
        int[] expected = [.. asked.Select(i => offline.Ranks[0][i])];
        return [.. Places.Select(place => Compare(place, live, expected))];
    }

    private static LiveAgreement Compare(int place, int[] live, int[] offline)
    {
        bool[] hits = [.. live.Select(rank => rank <= place)], expected = [.. offline.Select(rank => rank <= place)];
        return new LiveAgreement(
            place, hits.Average(hit => hit ? 1.0 : 0), expected.Average(hit => hit ? 1.0 : 0), hits.Zip(expected).Count(pair => pair.First != pair.Second));
    }

    private static async Task<List<EntityId>> RecommendAsync(HttpClient api, EntityId user, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await api.PostAsJsonAsync(new Uri("/recommend", UriKind.Relative), new RecommendRequest { UserId = user, K = AnswerLength }, WireJson.Options, cancellation);
        response.EnsureSuccessStatusCode();
        RecommendResponse? answer = await response.Content.ReadFromJsonAsync<RecommendResponse>(WireJson.Options, cancellation);
        return [.. answer!.MovieIds];
    }
}
