using System.Diagnostics;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Benchmarks.Index;

/// <summary>The flat index and its yardsticks over random unit vectors, in alternating rounds: the machine's speed drifts.</summary>
internal sealed class FlatBenchmark(int rows, int dimension, int k, int excludedRows, int queryCount, int exactQueries, Random random)
{
    private const int Rounds = 9;
    private const int FewQueries = 20; // for the slow yardsticks
    private readonly Candidate[] _ours = new Candidate[k];
    private readonly Candidate[] _plain = new Candidate[k];

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
        var batch = new Candidate[queryCount * k];
        var found = new int[queryCount];
        List<double>[] times = [.. Enumerable.Range(0, 6).Select(_ => new List<double>())];
        for (int round = 0; round < Rounds; round++)
        {
            Time(times[0], queryCount, q => index.Search(Query(queries, q), filter, _ours));
            Time(times[1], 1, _ => index.SearchBatch(queries, filter, k, batch, found));
            Time(times[2], FewQueries, q => PlainScan.SearchSimd(vectors, Query(queries, q % queryCount), excluded, _plain));
            Time(times[3], round < 3 ? FewQueries : 0, q => PlainScan.Search(vectors, Query(queries, q % queryCount), excluded, _plain));
            Time(times[4], FewQueries, _ => MemoryReading.InOrder(memory));
            Time(times[5], FewQueries, _ => MemoryReading.AskingAhead(memory));
        }

        bool exact = IsExact(index, vectors, filter, excluded);
        return new FlatFigures(
            rows, dimension, k, excludedRows, Median(times[0]), Median(times[1]) / queryCount, Median(times[2]), Median(times[3]), scanned,
            Math.Min(Median(times[4]), Median(times[5])), exactQueries, exact);
    }

    private bool IsExact(FlatIndex index, float[] vectors, RowFilter filter, RowSet excluded)
    {
        for (int q = 0; q < exactQueries; q++)
        {
            float[] query = UnitVectors.Draw(1, dimension, random);
            index.Search(query, filter, _ours);
            PlainScan.SearchSimd(vectors, query, excluded, _plain);
            if (!_ours.Select(candidate => candidate.Row).SequenceEqual(_plain.Select(candidate => candidate.Row)))
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
