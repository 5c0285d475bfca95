using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using NanoRecSys.Core.Kernels;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Benchmarks.Index;

/// <summary>The command <c>index</c>: latency of one query at a time on one thread, compared with a plain scan of the same vectors in the same run.</summary>
internal static class IndexCommand
{
    public static Command Create()
    {
        Option<int> rows = new("--rows") { Description = "Number of vectors.", DefaultValueFactory = _ => 26_744 };
        Option<int> dimension = new("--dimension") { Description = "Dimension of the vectors.", DefaultValueFactory = _ => 256 };
        Option<int> k = new("--k") { Description = "Number of nearest neighbors.", DefaultValueFactory = _ => 100 };
        Option<int> excluded = new("--excluded") { Description = "Rows excluded from the search.", DefaultValueFactory = _ => 200 };
        Option<int> queries = new("--queries") { Description = "Queries per round.", DefaultValueFactory = _ => 200 };
        Option<int> exactQueries = new("--exact-queries") { Description = "Queries compared with brute force.", DefaultValueFactory = _ => 10_000 };
        Option<int> seed = new("--seed") { Description = "Seed of the random unit vectors.", DefaultValueFactory = _ => 1 };
        Command command = new("index", "Latency and exactness of the flat index, compared with plain scans and memory bandwidth.")
        {
            rows, dimension, k, excluded, queries, exactQueries, seed,
        };
        command.SetAction(parsed => Run(
            new FlatBenchmark(
                parsed.GetValue(rows), parsed.GetValue(dimension), parsed.GetValue(k), parsed.GetValue(excluded),
                parsed.GetValue(queries), parsed.GetValue(exactQueries), new Random(parsed.GetValue(seed))),
            parsed.GetValue(JsonLine.Option)));
        return command;
    }

    private static int Run(FlatBenchmark benchmark, bool json)
    {
        FlatFigures figures = benchmark.Run();
        AnsiConsole.Write(new Table().Title($"{figures.Rows} x {figures.Dimension}, best {figures.K}, {figures.Excluded} excluded, one thread")
            .AddColumns("search", "median ms", "ratio")
            .AddRow("flat index", $"{figures.FlatMs:0.000}", $"{figures.SimdMs / figures.FlatMs:0.000}x")
            .AddRow("fp32 scan with SIMD", $"{figures.SimdMs:0.000}", "1x")
            .AddRow("plain scalar scan", $"{figures.PlainMs:0.000}", $"{figures.SimdMs / figures.PlainMs:0.000}x")
            .AddRow("reading as many bytes as the flat index", $"{figures.BandwidthMs:0.000}", $"{figures.GigabytesPerSecond:F1} GB/s")
            .AddRow($"same rows in {figures.ExactQueries} queries", figures.FlatExact ? "yes" : "NO", ""));
        JsonLine.Write(json, figures, WireJson.Options);

        return figures.FlatExact ? 0 : 1;
    }
}

/// <summary>The flat index and its baselines over random unit vectors, in alternating rounds, since the machine's speed drifts.</summary>
internal sealed class FlatBenchmark(int rows, int dimension, int k, int excludedRows, int queryCount, int exactQueries, Random random)
{
    private const int Rounds = 9;
    private const int FewQueries = 20; // for the slow baselines
    private readonly Candidate[] _fromIndex = new Candidate[k];
    private readonly Candidate[] _fromScan = new Candidate[k];

    public FlatFigures Run()
    {
        float[] vectors = UnitVectors.Draw(rows, dimension, random);
        float[] queries = UnitVectors.Draw(queryCount, dimension, random);
        var excluded = new RowSet(rows);
        while (excluded.Count < Math.Min(excludedRows, rows))
        {
            excluded.Add(random.Next(rows));
        }

        var index = new FlatIndex(vectors, dimension);
        var filter = new RowFilter(excluded);
        long scanned = (long)rows * dimension; // a byte for each value
        var memory = new byte[scanned];
        random.NextBytes(memory);
        List<double>[] times = [.. Enumerable.Range(0, 5).Select(_ => new List<double>())];
        for (int round = 0; round < Rounds; round++)
        {
            Time(times[0], queryCount, q => index.Search(Query(queries, q), filter, _fromIndex));
            Time(times[1], FewQueries, q => PlainScan.SearchSimd(vectors, Query(queries, q % queryCount), excluded, _fromScan));
            Time(times[2], round < 3 ? FewQueries : 0, q => PlainScan.Search(vectors, Query(queries, q % queryCount), excluded, _fromScan));
            Time(times[3], FewQueries, _ => MemoryReading.Sequential(memory));
            Time(times[4], FewQueries, _ => MemoryReading.Prefetching(memory));
        }

        bool exact = IsExact(index, vectors, filter, excluded);
        return new FlatFigures(
            rows, dimension, k, excludedRows, Median(times[0]), Median(times[1]), Median(times[2]), scanned,
            Math.Min(Median(times[3]), Median(times[4])), exactQueries, exact);
    }

    private bool IsExact(FlatIndex index, float[] vectors, RowFilter filter, RowSet excluded)
    {
        for (int q = 0; q < exactQueries; q++)
        {
            float[] query = UnitVectors.Draw(1, dimension, random);
            index.Search(query, filter, _fromIndex);
            PlainScan.SearchSimd(vectors, query, excluded, _fromScan);
            if (!_fromIndex.Select(candidate => candidate.Row).SequenceEqual(_fromScan.Select(candidate => candidate.Row)))
            {
                return false;
            }
        }

        return true;
    }

    private ReadOnlySpan<float> Query(float[] queries, int q) => queries.AsSpan(q * dimension, dimension);

    private static void Time(List<double> times, int count, Action<int> search)
    {
        for (int q = 0; q < count; q++)
        {
            long start = Stopwatch.GetTimestamp();
            search(q);
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
    }

    private static double Median(List<double> times)
    {
        times.Sort();
        return times[times.Count / 2];
    }
}

/// <summary>What the command <c>index</c> measures; milliseconds are medians over all queries, on one thread.</summary>
/// <param name="FlatMs">The flat index, one query at a time.</param>
/// <param name="SimdMs">Comparing every row in fp32 with SIMD.</param>
/// <param name="PlainMs">Comparing every row with a scalar loop.</param>
/// <param name="ScannedBytes">Minimum bytes read by one query of the flat index.</param>
/// <param name="BandwidthMs">Reading that many bytes, the faster of two ways; see <see cref="MemoryReading"/>.</param>
/// <param name="ExactQueries">Queries compared with the fp32 scan.</param>
/// <param name="FlatExact">Whether all of them return the same rows in the same order.</param>
internal sealed record FlatFigures(
    int Rows, int Dimension, int K, int Excluded, double FlatMs, double SimdMs, double PlainMs,
    long ScannedBytes, double BandwidthMs, int ExactQueries, bool FlatExact)
{
    public double GigabytesPerSecond => ScannedBytes / BandwidthMs / 1e6;
}

/// <summary>Reads memory and only sums it: a lower bound for a scan of the same number of bytes.</summary>
internal static class MemoryReading
{
    private const int Streams = 4;
    private const int Ahead = 4096; // a page: hardware prefetching stops there
    private const int CacheLine = 64;

    /// <summary>Sequentially, with hardware prefetching.</summary>
    public static long Sequential(ReadOnlySpan<byte> memory)
    {
        Vector<long> first = default, second = default;
        ReadOnlySpan<Vector<long>> words = MemoryMarshal.Cast<byte, Vector<long>>(memory);
        for (int i = 0; i + 1 < words.Length; i += 2)
        {
            first += words[i];
            second += words[i + 1];
        }

        return Vector.Sum(first + second);
    }

    /// <summary>Four pages in parallel, each prefetching the next one, as the flat index reads its rows.</summary>
    public static unsafe long Prefetching(ReadOnlySpan<byte> memory)
    {
        Vector<long> sum = default;
        fixed (byte* start = memory)
        {
            byte* end = start + memory.Length - (Streams * Ahead);
            for (byte* pages = start; pages <= end; pages += Streams * Ahead)
            {
                for (int at = 0; at < Ahead; at += CacheLine)
                {
                    for (int stream = 0; stream < Streams; stream++)
                    {
                        byte* line = pages + (stream * Ahead) + at;
                        if (Sse.IsSupported)
                        {
                            Sse.Prefetch1(line + (Streams * Ahead));
                        }

                        for (int word = 0; word < CacheLine; word += Vector<byte>.Count)
                        {
                            sum += *(Vector<long>*)(line + word);
                        }
                    }
                }
            }
        }

        return Vector.Sum(sum);
    }
}

internal static class PlainScan
{
    public static void Search(float[] vectors, ReadOnlySpan<float> query, RowSet excluded, Span<Candidate> results)
    {
        var best = new TopK(results);
        int dimension = query.Length;
        for (int row = 0; row < vectors.Length / dimension; row++)
        {
            if (excluded.Contains(row))
            {
                continue;
            }

            float sum = 0;
            for (int d = 0; d < dimension; d++)
            {
                sum += query[d] * vectors[row * dimension + d];
            }

            best.Offer(row, sum);
        }

        best.SortBestFirst();
    }

    /// <summary>Brute force in fp32 with SIMD: the reference for an exact search, with sums in the same order.</summary>
    public static void SearchSimd(float[] vectors, ReadOnlySpan<float> query, RowSet excluded, Span<Candidate> results)
    {
        var best = new TopK(results);
        int dimension = query.Length;
        for (int row = 0; row < vectors.Length / dimension; row++)
        {
            if (!excluded.Contains(row))
            {
                best.Offer(row, VectorKernels.Best.Dot(query, vectors.AsSpan(row * dimension, dimension)));
            }
        }

        best.SortBestFirst();
    }
}

internal static class UnitVectors
{
    /// <returns>[count, dimension], every row of length 1.</returns>
    public static float[] Draw(int count, int dimension, Random random)
    {
        var vectors = new float[count * dimension];
        for (int row = 0; row < count; row++)
        {
            Span<float> vector = vectors.AsSpan(row * dimension, dimension);
            foreach (ref float value in vector)
            {
                value = (float)(random.NextDouble() - 0.5);
            }

            TensorPrimitives.Divide(vector, TensorPrimitives.Norm<float>(vector), vector);
        }

        return vectors;
    }
}
