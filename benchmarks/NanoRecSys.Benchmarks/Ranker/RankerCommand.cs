using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Training.Export;
using Spectre.Console;

namespace NanoRecSys.Benchmarks.Ranker;

/// <summary>
/// The verb <c>ranker</c>: scoring one user's candidates on one thread, the graph that serving runs beside a plain export
/// of the same weights. Runs of all take turns, so that the machine's drift meets each alike.
/// </summary>
internal static class RankerCommand
{
    private static readonly int[] Hidden = [512, 256, 128];

    public static Command Create()
    {
        Option<int> dimension = new("--dimension") { Description = "Width of the embeddings.", DefaultValueFactory = _ => 256 };
        Option<int> candidates = new("--candidates") { Description = "Of the one user.", DefaultValueFactory = _ => 100 };
        Option<int> rounds = new("--rounds") { Description = "Runs of each.", DefaultValueFactory = _ => 2000 };
        Option<int> seed = new("--seed") { Description = "Of weights and inputs.", DefaultValueFactory = _ => 1 };
        Option<bool> json = new("--json") { Description = "End with one line of JSON." };
        Command command = new("ranker", "Latency of the second stage (512-256-128) beside a plain export.") { dimension, candidates, rounds, seed, json };
        command.SetAction(parsed => Run(
            parsed.GetValue(dimension), parsed.GetValue(candidates), parsed.GetValue(rounds), new Random(parsed.GetValue(seed)), parsed.GetValue(json)));
        return command;
    }

    private static int Run(int dimension, int candidates, int rounds, Random random, bool json)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("nanorecsys-benchmark-");
        try
        {
            Dictionary<string, NamedTensor> weights = RandomRanker.Create(dimension, Hidden, random);
            string PathOf(string name) => Path.Combine(folder.FullName, name);
            PlainGraph.Write(PathOf("plain.onnx"), dimension, weights);
            RankerGraph.WriteParts(PathOf("items.onnx"), PathOf("fp32.onnx"), dimension, weights);
            RankerGraph.WriteParts(PathOf("items.onnx"), PathOf("int8.onnx"), dimension, weights, isInt8: true);
            using var inputs = new RankerCase(dimension, candidates, random);
            using TimedGraph plain = new(PathOf("plain.onnx"), inputs.Plain);
            using TimedGraph items = new(PathOf("items.onnx"), inputs.Items);
            using OrtValue itemPart = OrtValue.CreateTensorValueFromMemory(items.Run(), [candidates, Hidden[0]]);
            (string, OrtValue)[] cut = [.. inputs.Parts, (RankerGraph.ItemPart, itemPart)];
            using TimedGraph fp32 = new(PathOf("fp32.onnx"), cut);
            using TimedGraph int8 = new(PathOf("int8.onnx"), cut);
            Report([("plain export", plain), ("parts, fp32", fp32), ("parts, int8", int8)], dimension, candidates, rounds, json);
            return 0;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static void Report((string Name, TimedGraph Graph)[] graphs, int dimension, int candidates, int rounds, bool json)
    {
        float[] expected = graphs[0].Graph.Run();
        double[][] times = [.. graphs.Select(_ => new double[rounds])];
        for (int round = 0; round < rounds; round++)
        {
            for (int g = 0; g < graphs.Length; g++)
            {
                times[g][round] = graphs[g].Graph.Time();
            }
        }

        Table table = new Table().Title(string.Create(CultureInfo.InvariantCulture, $"{candidates} candidates, {dimension} dimensions, one thread"))
            .AddColumns("graph", "median ms", "fastest tenth ms", "times as fast", "largest difference");
        var lines = new List<object>();
        double plain = 0;
        foreach ((int g, (string name, TimedGraph graph)) in graphs.Index())
        {
            Array.Sort(times[g]);
            (double median, double tenth) = (times[g][rounds / 2], times[g][rounds / 10]);
            plain = g == 0 ? median : plain;
            double difference = graph.Run().Zip(expected, (a, b) => Math.Abs(a - b)).Max();
            table.AddRow(name, Text(median), Text(tenth), Text(plain / median), difference.ToString("G2", CultureInfo.InvariantCulture));
            lines.Add(new { name, median_ms = median, fastest_tenth_ms = tenth, max_difference = difference });
        }

        AnsiConsole.Write(table);
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { candidates, dimension, graphs = lines }));
        }
    }

    private static string Text(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);
}
