using NanoRecSys.Core.Data;
using NanoRecSys.Training.Evaluation;
using static TorchSharp.torch;

namespace NanoRecSys.Benchmarks.Evaluation;

/// <summary>The command <c>evaluate</c>: users per second of a full ranking and where the time goes, with random histories and weights.</summary>
internal static class EvaluateCommand
{
    public static Command Create()
    {
        Option<int> users = new("--users") { Description = "Users to rank for.", DefaultValueFactory = _ => 6_040 };
        Option<int> items = new("--items") { Description = "Items in the catalog.", DefaultValueFactory = _ => 3_416 };
        Option<int> mean = new("--mean-length") { Description = "Mean length of a history; lengths are exponentially distributed.", DefaultValueFactory = _ => 165 };
        Option<int> dimension = new("--dimension") { Description = "Width of an embedding.", DefaultValueFactory = _ => 64 };
        Option<int> blocks = new("--blocks") { Description = "Transformer blocks.", DefaultValueFactory = _ => 2 };
        Option<int> maxLength = new("--max-length") { Description = "Maximum number of items read from a history.", DefaultValueFactory = _ => 200 };
        Option<int> threads = new("--threads") { Description = "CPU threads.", DefaultValueFactory = _ => Environment.ProcessorCount };
        Option<bool> json = new("--json") { Description = "End with one line of JSON." };
        Command command = new("evaluate", "Speed of the full ranking: encoding, products and ranks.") { users, items, mean, dimension, blocks, maxLength, threads, json };
        command.SetAction(parsed =>
        {
            int d = parsed.GetValue(dimension);
            var model = new ModelInfo(
                "transformer", d, parsed.GetValue(blocks), Heads: 2, FeedForward: 2 * d, parsed.GetValue(maxLength),
                parsed.GetValue(items), RopeBase: 500, Dropout: 0, Loss: "none", Temperature: 1);
            LeaveOneOut split = RandomHistories.Create(parsed.GetValue(users), model.Items, parsed.GetValue(mean), new Random(1));
            Run(model, split, parsed.GetValue(threads), parsed.GetValue(json));
        });
        return command;
    }

    private static void Run(ModelInfo model, LeaveOneOut split, int threads, bool json)
    {
        LibTorch.Load();
        manual_seed(1);
        set_num_threads(threads);
        using var tower = new UserTower(model);
        using var encoder = new UserEncoder(tower);
        using var retriever = new RetrieverScorer(tower);
        var ranking = new FullRanking(split, model.Items) { Threads = threads };
        var encode = new TimedScorer((histories, _) => encoder.Encode(histories).Dispose());
        var score = new TimedScorer(retriever.Score);

        ranking.Ranks(encode, HeldOut.Test);
        long start = Stopwatch.GetTimestamp();
        TimeSpan startCpu = Environment.CpuUsage.TotalTime;
        ranking.Ranks(score, HeldOut.Test);
        double wall = Stopwatch.GetElapsedTime(start).TotalSeconds;
        double total = (Environment.CpuUsage.TotalTime - startCpu).TotalSeconds;

        var parts = new { encode = encode.Seconds, products = score.Seconds - encode.Seconds, ranks = total - score.Seconds };
        AnsiConsole.Write(new Table()
            .Title($"{split.UserCount} users, {model.Items} items, D={model.Dimension}, {model.Blocks} blocks, L={model.MaxLength}, {threads} threads")
            .AddColumns("part", "CPU seconds", "share")
            .AddRow("encode", Text(parts.encode), Share(parts.encode))
            .AddRow("products", Text(parts.products), Share(parts.products))
            .AddRow("ranks", Text(parts.ranks), Share(parts.ranks))
            .AddRow("total", Text(total), $"{split.UserCount / wall:N0} users/s"));
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                users = split.UserCount,
                items = model.Items,
                users_per_second = split.UserCount / wall,
                cpu_s = total,
                encode_cpu_s = parts.encode,
                products_cpu_s = parts.products,
                ranks_cpu_s = parts.ranks,
            }));
        }

        string Share(double seconds) => (seconds / total).ToString("P0", CultureInfo.InvariantCulture);
    }

    private static string Text(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}

/// <summary>Uniform items in histories of exponentially distributed length: few long ones, many short ones.</summary>
internal static class RandomHistories
{
    private const int Shortest = 3; // below it a user has nothing to predict

    public static LeaveOneOut Create(int users, int items, int meanLength, Random random)
    {
        var all = new List<int>();
        var offsets = new long[users + 1];
        for (int user = 0; user < users; user++)
        {
            int length = Shortest + (int)(-Math.Log(1 - random.NextDouble()) * Math.Max(0, meanLength - Shortest));
            for (int t = 0; t < length; t++)
            {
                all.Add(random.Next(items));
            }

            offsets[user + 1] = all.Count;
        }

        return new LeaveOneOut(new UserHistories([.. Enumerable.Range(1, users)], offsets, [.. all]));
    }
}

/// <summary>How much a model computes to score.</summary>
internal sealed class TimedScorer(TimedScorer.Scoring score) : IScorer
{
    public delegate void Scoring(IReadOnlyList<TimedHistory> histories, Span<float> scores);

    public string Name => "timed";
    public double Seconds { get; private set; } // processor time of all batches: independent of other load on the machine

    public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores)
    {
        TimeSpan start = Environment.CpuUsage.TotalTime;
        score(histories, scores);
        Seconds += (Environment.CpuUsage.TotalTime - start).TotalSeconds;
    }
}
