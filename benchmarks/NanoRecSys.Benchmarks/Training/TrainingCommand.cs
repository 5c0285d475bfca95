using NanoRecSys.Training;
using NanoRecSys.Training.Kernels;
using NanoRecSys.Training.Retrieval;
using static TorchSharp.torch;

namespace NanoRecSys.Benchmarks.Training;

/// <summary>
/// The command <c>training</c>: an epoch of NanoRecSys compared with one of a plain loop on the same data and sizes (full softmax),
/// and with itself without single kernels, projected from alternating steps of all.
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
        Option<string?> preset = new("--preset") { Description = "Preset whose retriever is trained; default: D=64, 2 blocks, L=200, batches of 128 users." };
        Option<int> steps = new("--steps") { Description = "Timed steps of each.", DefaultValueFactory = _ => 8 };
        Option<int> threads = new("--threads") { Description = "Threads of NanoRecSys' training; the plain loop has one.", DefaultValueFactory = _ => Environment.ProcessorCount };
        Option<bool> json = new("--json") { Description = "End with one line of JSON." };
        Command command = new("training", "Speed of training compared with a plain TorchSharp loop, and with itself without single kernels.") { data, preset, steps, threads, json };
        command.SetAction((parsed, cancellation) => RunAsync(
            parsed.GetValue(data)!, parsed.GetValue(preset), parsed.GetValue(steps), parsed.GetValue(threads), parsed.GetValue(json), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string name, string? preset, int steps, int threads, bool json, CancellationToken cancellation)
    {
        string folder = Directory.CreateTempSubdirectory("nanorecsys-benchmark-").FullName;
        try
        {
            var workspace = new Workspace(new ArtifactStore(folder), DatasetSource.NameOf(name));
            var context = new StepContext(workspace, Seed: 1, new Progress<ProgressEvent>(), cancellation) { Threads = threads };
            await PrepareStep.RunAsync(new PrepareOptions { Data = name }, context);
            PreparedData data = await PreparedData.LoadAsync(workspace.DataFolder, cancellation);
            LibTorch.Load();
            TrainRetrieverOptions sizes = preset is null ? Sizes : Presets.Get(preset, data.Summary).Retriever;
            (StepTimes[] times, int stepsPerEpoch) = Compare(data, sizes, steps, threads);
            Report(data, times, stepsPerEpoch, threads, json);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Seconds of the steps of the plain loop and of every variant of NanoRecSys, the plain loop first.</summary>
    private static (StepTimes[] Times, int StepsPerEpoch) Compare(PreparedData data, TrainRetrieverOptions sizes, int steps, int threads)
    {
        using var plain = new PlainLoop(sizes, data, seed: 1);
        (string Name, bool IsReduced, NetworkOperations? Operations)[] variants =
        [
            ("ours, fp32", false, null),
            ("ours, bf16 products", true, null),
            ("without the attention kernel", true, new TorchAttention()),
            ("without the fused steps", true, new TorchSteps()),
            ("without the softmax kernel", true, new TorchSoftmax()),
            ("without any kernel", true, NetworkOperations.Torch),
        ];
        TimedTrainer[] trainers = [.. variants.Select(each => new TimedTrainer(data, sizes with { ReducedPrecision = each.IsReduced }, threads, each.Operations))];
        StepTimes[] times = [new("plain loop, fp32", 1), .. variants.Select(each => new StepTimes(each.Name, threads))];
        while (times[0].Wall.Count < steps)
        {
            times[0].Add(plain.Steps);
            for (int i = 0; i < trainers.Length; i++)
            {
                times[i + 1].Add(trainers[i].Steps);
            }
        }

        Array.ForEach(trainers, trainer => trainer.Dispose());
        return (times, plain.StepsPerEpoch);
    }

    private static void Report(PreparedData data, StepTimes[] times, int stepsPerEpoch, int threads, bool json)
    {
        double plain = Median(times[0].Wall), processor = Median(times[2].Processor);
        Table table = new Table()
            .Title($"{data.Summary.Name}: {stepsPerEpoch} steps an epoch")
            .AddColumns("training", "threads", "s / step", "s / epoch", "times as fast", "CPU s / step", "of bf16's");
        foreach (StepTimes each in times)
        {
            double wall = Median(each.Wall), own = Median(each.Processor);
            table.AddRow(each.Name, $"{each.Threads}", Text(wall), Text(wall * stepsPerEpoch), Text(plain / wall), Text(own), Text(own / processor));
        }

        AnsiConsole.Write(table);
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                data = data.Summary.Name,
                steps_per_epoch = stepsPerEpoch,
                threads,
                plain_epoch_s = plain * stepsPerEpoch,
                fp32_epoch_s = Median(times[1].Wall) * stepsPerEpoch,
                bf16_epoch_s = Median(times[2].Wall) * stepsPerEpoch,
                ratio = plain / Median(times[2].Wall),
                without_kernels = times[3..].ToDictionary(each => each.Name, each => Median(each.Processor) / processor),
            }));
        }
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static string Text(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);

    /// <summary>Seconds of a variant's steps, by the clock and of all processors: the latter hardly depends on what else the machine does.</summary>
    private sealed record StepTimes(string Name, int Threads)
    {
        public List<double> Wall { get; } = [];
        public List<double> Processor { get; } = [];

        public void Add(Func<int, IReadOnlyList<double>> run)
        {
            TimeSpan before = Environment.CpuUsage.UserTime;
            Wall.AddRange(run(StepsPerTurn).Skip(1));
            Processor.Add((Environment.CpuUsage.UserTime - before).TotalSeconds / StepsPerTurn);
        }
    }

    private sealed class TorchAttention : KernelOperations
    {
        public override Tensor Attention(AttentionShape shape, Tensor qkv, BiasTables? bias, SequencePack pack, DropoutNoise? noise) =>
            Torch.Attention(shape, qkv, bias, pack, noise);
    }

    private sealed class TorchSoftmax : KernelOperations
    {
        public override Tensor SoftmaxGradient(Tensor logits, Tensor targets, Tensor likelihood) => Torch.SoftmaxGradient(logits, targets, likelihood);
    }

    private sealed class TorchSteps : KernelOperations
    {
        public override Tensor Drop(Tensor x, double rate, DropoutNoise? noise) => Torch.Drop(x, rate, noise);

        public override Tensor Norm(Tensor x, Tensor weight, bool isReduced) => Torch.Norm(x, weight, isReduced);

        public override Tensor SwiGlu(Tensor gateAndValue, double rate, DropoutNoise? noise) => Torch.SwiGlu(gateAndValue, rate, noise);

        public override Tensor Add(Tensor x, Tensor update, Tensor? gate, double rate, DropoutNoise? noise) => Torch.Add(x, update, gate, rate, noise);

        public override Tensor Widen(Tensor product, Tensor bias) => Torch.Widen(product, bias);
    }
}

/// <summary>The product's own trainer, some steps at a time.</summary>
internal sealed class TimedTrainer : IDisposable
{
    private readonly UserTower _tower;
    private readonly RetrieverTrainer _trainer;
    private readonly int _threads;

    /// <param name="operations">Compute the layers; null: the best.</param>
    public TimedTrainer(PreparedData data, TrainRetrieverOptions options, int threads, NetworkOperations? operations)
    {
        _threads = threads;
        set_num_threads(threads);
        manual_seed(1);
        _tower = new UserTower(options.ToModel(data.Catalog.Count), options.EmbeddingStd);
        if (operations is not null)
        {
            _tower.Operations = operations;
        }

        var loss = new FullSoftmaxLoss(options.Temperature, Precision.IsReduced(options.ReducedPrecision, CPU)) { Operations = operations };
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
