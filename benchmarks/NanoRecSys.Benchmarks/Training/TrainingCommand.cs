using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Progress;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Retrieval;
using Spectre.Console;
using static TorchSharp.torch;

namespace NanoRecSys.Benchmarks.Training;

/// <summary>
/// The command <c>training</c>: an epoch of NanoRecSys compared with one of a plain loop on the same data and sizes (full softmax),
/// projected from alternating steps of both.
/// </summary>
internal static class TrainingCommand
{
    private const int StepsPerTurn = 3; // the first, on a cold cache, does not count

    private static readonly TrainRetrieverOptions Sizes = new()
    {
        Dimension = 64,
        Blocks = 2,
        Heads = 2,
        FeedForward = 256,
        MaxLength = 200,
        WarmupSteps = 200,
    };

    public static Command Create()
    {
        Option<string> data = new("--data") { Description = "Data set, as for 'prepare'.", DefaultValueFactory = _ => "small" };
        Option<int> steps = new("--steps") { Description = "Timed steps of each.", DefaultValueFactory = _ => 8 };
        Option<int> threads = new("--threads") { Description = "Threads of NanoRecSys' training; the plain loop has one.", DefaultValueFactory = _ => Environment.ProcessorCount };
        Option<bool> json = new("--json") { Description = "End with one line of JSON." };
        Command command = new("training", "Speed of training beside a plain TorchSharp loop: D=64, 2 blocks, L=200, batches of 128 users.") { data, steps, threads, json };
        command.SetAction((parsed, cancellation) => RunAsync(
            parsed.GetValue(data)!, parsed.GetValue(steps), parsed.GetValue(threads), parsed.GetValue(json), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string name, int steps, int threads, bool json, CancellationToken cancellation)
    {
        string folder = Directory.CreateTempSubdirectory("nanorecsys-benchmark-").FullName;
        try
        {
            var workspace = new Workspace(new ArtifactStore(folder), DatasetSource.NameOf(name));
            var context = new StepContext(workspace, Seed: 1, new Progress<ProgressEvent>(), cancellation) { Threads = threads };
            await PrepareStep.RunAsync(new PrepareOptions { Data = name }, context);
            PreparedData data = await PreparedData.LoadAsync(workspace.DataFolder, cancellation);
            LibTorch.Load();
            Report(data, Compare(data, steps, threads), threads, json);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Median seconds of a step of the plain loop and of NanoRecSys in fp32 and in reduced precision; and steps per epoch.</summary>
    private static (double Plain, double Exact, double Reduced, int StepsPerEpoch) Compare(PreparedData data, int steps, int threads)
    {
        using var plain = new PlainLoop(Sizes, data, seed: 1);
        using TimedTrainer exact = new(data, Sizes with { ReducedPrecision = false }, threads);
        using TimedTrainer reduced = new(data, Sizes with { ReducedPrecision = true }, threads);
        List<double> plainSeconds = [], exactSeconds = [], reducedSeconds = [];
        while (plainSeconds.Count < steps)
        {
            plainSeconds.AddRange(plain.Steps(StepsPerTurn).Skip(1));
            exactSeconds.AddRange(exact.Steps(StepsPerTurn).Skip(1));
            reducedSeconds.AddRange(reduced.Steps(StepsPerTurn).Skip(1));
        }

        return (Median(plainSeconds), Median(exactSeconds), Median(reducedSeconds), plain.StepsPerEpoch);
    }

    private static void Report(PreparedData data, (double Plain, double Exact, double Reduced, int StepsPerEpoch) seconds, int threads, bool json)
    {
        AnsiConsole.Write(new Table()
            .Title($"{data.Summary.Name}: {seconds.StepsPerEpoch} steps an epoch")
            .AddColumns("training", "threads", "s / step", "s / epoch", "times as fast")
            .AddRow("plain loop, fp32", "1", Text(seconds.Plain), Text(seconds.Plain * seconds.StepsPerEpoch), "1")
            .AddRow("ours, fp32", $"{threads}", Text(seconds.Exact), Text(seconds.Exact * seconds.StepsPerEpoch), Text(seconds.Plain / seconds.Exact))
            .AddRow("ours, bf16 products", $"{threads}", Text(seconds.Reduced), Text(seconds.Reduced * seconds.StepsPerEpoch), Text(seconds.Plain / seconds.Reduced)));
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                data = data.Summary.Name,
                steps_per_epoch = seconds.StepsPerEpoch,
                threads,
                plain_epoch_s = seconds.Plain * seconds.StepsPerEpoch,
                fp32_epoch_s = seconds.Exact * seconds.StepsPerEpoch,
                bf16_epoch_s = seconds.Reduced * seconds.StepsPerEpoch,
                ratio = seconds.Plain / seconds.Reduced,
            }));
        }
    }

    private static double Median(List<double> values)
    {
        values.Sort();
        return values[values.Count / 2];
    }

    private static string Text(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}

/// <summary>The product's own trainer, some steps at a time.</summary>
internal sealed class TimedTrainer : IDisposable
{
    private readonly UserTower _tower;
    private readonly RetrieverTrainer _trainer;
    private readonly int _threads;

    public TimedTrainer(PreparedData data, TrainRetrieverOptions options, int threads)
    {
        _threads = threads;
        set_num_threads(threads);
        manual_seed(1);
        _tower = new UserTower(options.ToModel(data.Catalog.Count), options.EmbeddingStd);
        var loss = new FullSoftmaxLoss(options.Temperature, Precision.IsReduced(options.ReducedPrecision, CPU));
        _trainer = new RetrieverTrainer(_tower, data.Split, options, seed: 1, loss);
    }

    /// <returns>Seconds of each of the first steps of an epoch, which is then cancelled, as by Ctrl+C.</returns>
    public IReadOnlyList<double> Steps(int count)
    {
        set_num_threads(_threads);
        using var enough = new CancellationTokenSource();
        var seconds = new List<double>();
        long start = Stopwatch.GetTimestamp();
        try
        {
            _trainer.TrainEpoch(1, done =>
            {
                seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
                start = Stopwatch.GetTimestamp();
                if (done.Step == count)
                {
                    enough.Cancel();
                }
            }, enough.Token);
        }
        catch (OperationCanceledException)
        {
            // As asked for above.
        }

        return seconds;
    }

    public void Dispose()
    {
        _trainer.Dispose();
        _tower.Dispose();
    }
}
