using System.Buffers;

namespace NanoRecSys.Core.Retrieval.Native;

/// <summary>An index file searched by the FAISS library itself: the second engine behind <see cref="IVectorIndex"/>.</summary>
/// <remarks>With a filter a graph gives only what its walks reach; the other kinds give as many as there are.</remarks>
internal sealed class NativeIndex : IVectorIndex, IDisposable
{
    private readonly FaissIndexHandle _index;
    private readonly IntPtr _lists; // the same index, where it has lists
    private readonly long _fileBytes;

    private NativeIndex(FaissIndexHandle index, string kind, long fileBytes)
    {
        _index = index;
        _lists = FaissLibrary.AsLists(index);
        _fileBytes = fileBytes;
        Kind = kind;
        Dimension = FaissLibrary.Dimension(index);
        Count = checked((int)FaissLibrary.Count(index));
        Metric = FaissLibrary.Metric(index) == 0 ? VectorMetric.InnerProduct : VectorMetric.L2;
    }

    public string Kind { get; }

    public string Engine => IndexEngines.Faiss;

    public VectorMetric Metric { get; }

    public int Dimension { get; }

    public int Count { get; }

    /// <summary>The file's size: the library does not tell.</summary>
    public long Memory => _fileBytes;

    /// <summary>Reads an index file with the library.</summary>
    /// <exception cref="FaissException">The library is not installed, or refuses the file.</exception>
    public static NativeIndex Read(string path)
    {
        if (!FaissLibrary.IsAvailable)
        {
            throw new FaissException(
                $"FAISS's C library (libfaiss_c) is not installed. Install it, set {FaissLibrary.PathVariable} to its path, or use the engine '{IndexEngines.Managed}'.");
        }

        // FAISS trusts its files; ours are checked first, so that a damaged one cannot take the process down.
        IVectorIndex checkedIndex = FaissFile.Read(path);
        string kind = checkedIndex.Kind;
        (checkedIndex as IDisposable)?.Dispose();
        FaissLibrary.Check(FaissLibrary.ReadIndex(path, flags: 0, out IntPtr index));
        return new NativeIndex(new FaissIndexHandle(index), kind, new FileInfo(path).Length);
    }

    /// <summary>Sets how widely it searches, by FAISS's name: <c>nprobe</c>, <c>efSearch</c>.</summary>
    /// <exception cref="FaissException">This kind has no such parameter.</exception>
    public void Set(string parameter, double value)
    {
        FaissLibrary.Check(FaissLibrary.NewParameterSpace(out IntPtr space));
        try
        {
            FaissLibrary.Check(FaissLibrary.SetParameter(space, _index, parameter, value));
        }
        finally
        {
            FaissLibrary.FreeParameterSpace(space);
        }
    }

    public int Search(ReadOnlySpan<float> query, RowFilter filter, Span<Candidate> results)
    {
        QueryShape.Require(this, query, filter);
        int wanted = Math.Min(results.Length, filter.CountAdmitted(Count));
        if (wanted == 0)
        {
            return 0;
        }

        nuint lists = _lists == IntPtr.Zero ? 0 : FaissLibrary.Lists(_lists);
        int found = Kind == IndexKinds.Hnsw
            ? SearchWider(query, filter, results)
            : SearchSelected(query, filter, results, lists == 0 ? 0 : FaissLibrary.Probes(_lists));
        return found < wanted && lists > 0 ? SearchSelected(query, filter, results, lists) : found;
    }

    public void Dispose() => _index.Dispose();

    private unsafe int SearchSelected(ReadOnlySpan<float> query, RowFilter filter, Span<Candidate> results, nuint probes)
    {
        ulong[] admitted = ArrayPool<ulong>.Shared.Rent((Count + 63) / 64);
        for (int word = 0; word < (Count + 63) / 64; word++)
        {
            admitted[word] = filter.AdmittedBits(word);
        }

        IntPtr selector = IntPtr.Zero;
        IntPtr parameters = IntPtr.Zero;
        fixed (ulong* bits = admitted)
        {
            try
            {
                if (!filter.IsNone)
                {
                    FaissLibrary.Check(FaissLibrary.NewSelector(out selector, (nuint)((Count + 7) / 8), (byte*)bits));
                }

                FaissLibrary.Check(probes > 0
                    ? FaissLibrary.NewListParameters(out parameters, selector, probes, maxCodes: 0)
                    : FaissLibrary.NewParameters(out parameters, selector));
                return Run(query, results.Length, parameters, RowFilter.None, results);
            }
            finally
            {
                if (parameters != IntPtr.Zero)
                {
                    FaissLibrary.FreeParameters(parameters);
                }

                if (selector != IntPtr.Zero)
                {
                    FaissLibrary.FreeSelector(selector);
                }

                ArrayPool<ulong>.Shared.Return(admitted);
            }
        }
    }

    // Versions before 1.7.4 take no selector for graphs: more are asked for, until enough of them are admitted.
    private int SearchWider(ReadOnlySpan<float> query, RowFilter filter, Span<Candidate> results)
    {
        int wanted = Math.Min(results.Length, filter.CountAdmitted(Count));
        for (int k = Math.Min(Count, results.Length + (filter.Excluded?.Count ?? 0)); ; k = (int)Math.Min(Count, 4L * k))
        {
            int found = Run(query, k, IntPtr.Zero, filter, results);
            if (found >= wanted || k == Count)
            {
                return found;
            }
        }
    }

    private unsafe int Run(ReadOnlySpan<float> query, int k, IntPtr parameters, RowFilter filter, Span<Candidate> results)
    {
        float[] distances = ArrayPool<float>.Shared.Rent(k);
        long[] labels = ArrayPool<long>.Shared.Rent(k);
        fixed (float* values = query, distance = distances)
        fixed (long* label = labels)
        {
            FaissLibrary.Check(parameters == IntPtr.Zero
                ? FaissLibrary.Search(_index, 1, values, k, distance, label)
                : FaissLibrary.Search(_index, 1, values, k, parameters, distance, label));
        }

        int found = 0;
        for (int i = 0; i < k && found < results.Length; i++)
        {
            if (labels[i] >= 0 && filter.Admits((int)labels[i]))
            {
                results[found++] = new Candidate((int)labels[i], distances[i]);
            }
        }

        ArrayPool<float>.Shared.Return(distances);
        ArrayPool<long>.Shared.Return(labels);
        return found;
    }
}
