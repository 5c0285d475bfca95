using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using NanoRecSys.Core.Retrieval;
using Spectre.Console;

namespace NanoRecSys.Benchmarks.Index;

/// <summary>The verb <c>index</c>: one query at a time on one thread, beside a plain scan, same vectors, same run.</summary>
internal static class IndexCommand
{
    private const int Rounds = 7; // medians over alternating rounds: the machine's speed drifts

    public static Command Create()
    {
        Option<int> rows = new("--rows") { Description = "Vectors.", DefaultValueFactory = _ => 26_744 };
        Option<int> dimension = new("--dimension") { Description = "Their width.", DefaultValueFactory = _ => 256 };
        Option<int> k = new("--k") { Description = "Neighbours asked for.", DefaultValueFactory = _ => 100 };
        Option<int> excluded = new("--excluded") { Description = "Rows that the search leaves out.", DefaultValueFactory = _ => 200 };
        Option<int> queries = new("--queries") { Description = "Queries a round.", DefaultValueFactory = _ => 200 };
        Option<int> seed = new("--seed") { Description = "Of the random unit vectors.", DefaultValueFactory = _ => 1 };
        Option<bool> json = new("--json") { Description = "End with one line of JSON." };
        Command command = new("index", "Latency of the flat index beside a plain scalar scan.") { rows, dimension, k, excluded, queries, seed, json };
        command.SetAction(parsed => Run(
            parsed.GetValue(rows), parsed.GetValue(dimension), parsed.GetValue(k), parsed.GetValue(excluded),
            parsed.GetValue(queries), new Random(parsed.GetValue(seed)), parsed.GetValue(json)));
        return command;
    }

    private static int Run(int rows, int dimension, int k, int excludedRows, int queryCount, Random random, bool json)
    {
        float[] vectors = UnitVectors(rows, dimension, random);
        float[] queries = UnitVectors(queryCount, dimension, random);
        var excluded = new RowSet(rows);
        while (excluded.Count < Math.Min(excludedRows, rows))
        {
            excluded.Add(random.Next(rows));
        }

        var index = new FlatIndex(vectors, dimension);
        var ours = new Candidate[k];
        var plain = new Candidate[k];
        bool exact = true;
        var oursMs = new double[Rounds];
        var plainMs = new double[Rounds];
        for (int round = 0; round < Rounds; round++)
        {
            oursMs[round] = Time(query => index.Search(query, new RowFilter(excluded), ours));
            plainMs[round] = Time(query => PlainScan.Search(vectors, query, excluded, plain));
            exact &= ours.Select(c => c.Row).SequenceEqual(plain.Select(c => c.Row));
        }

        Array.Sort(oursMs);
        Array.Sort(plainMs);
        double flat = oursMs[Rounds / 2];
        double scan = plainMs[Rounds / 2];
        AnsiConsole.Write(new Table().Title($"{rows} x {dimension}, best {k}, {excludedRows} excluded, one thread")
            .AddColumns("search", "median ms", "ratio")
            .AddRow("flat index", Text(flat), Text(scan / flat) + "x")
            .AddRow("plain scalar scan", Text(scan), "1x")
            .AddRow("same rows found", exact ? "yes" : "no", ""));
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { rows, dimension, k, excluded = excludedRows, flat_ms = flat, flat_exact = exact, plain_ms = scan }));
        }

        return exact ? 0 : 1;

        double Time(Action<ReadOnlySpan<float>> search)
        {
            long start = Stopwatch.GetTimestamp();
            for (int q = 0; q < queryCount; q++)
            {
                search(queries.AsSpan(q * dimension, dimension));
            }

            return Stopwatch.GetElapsedTime(start).TotalMilliseconds / queryCount;
        }
    }

    private static float[] UnitVectors(int count, int dimension, Random random)
    {
        var vectors = new float[count * dimension];
        for (int row = 0; row < count; row++)
        {
            Span<float> vector = vectors.AsSpan(row * dimension, dimension);
            double squares = 0;
            foreach (ref float value in vector)
            {
                value = (float)(random.NextDouble() - 0.5);
                squares += value * value;
            }

            float scale = (float)(1 / Math.Sqrt(squares));
            foreach (ref float value in vector)
            {
                value *= scale;
            }
        }

        return vectors;
    }

    private static string Text(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);
}
