using System.Buffers;
using System.Reflection;
using System.Runtime.InteropServices;

namespace NanoRecSys.Core.Retrieval;

/// <summary>An index file searched by the FAISS library itself: the second engine behind <see cref="IVectorIndex"/>.</summary>
/// <remarks>With a filter, a graph returns only what its walks reach; the other kinds return all that there are.</remarks>
internal sealed class NativeIndex : IVectorIndex, IDisposable
{
    private readonly FaissIndexHandle _index;
    private readonly IntPtr _lists; // the same index, if it has lists

    private NativeIndex(FaissIndexHandle index, string kind, long fileBytes)
    {
        _index = index;
        _lists = FaissLibrary.AsLists(index);
        Memory = fileBytes;
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
    public long Memory { get; } // the file's size: the library does not report its memory

    /// <summary>Reads an index file with the library.</summary>
    /// <exception cref="FaissException">The library is not installed, or refuses the file.</exception>
    public static NativeIndex Read(string path)
    {
        if (!FaissLibrary.IsAvailable)
        {
            throw new FaissException(
                $"The FAISS C library (libfaiss_c) is not installed. Install it, set {FaissLibrary.PathVariable} to its path, or use the engine '{IndexEngines.Managed}'.");
        }

        // FAISS trusts its files. They are checked here first, so that a damaged file cannot crash the process.
        IVectorIndex checkedIndex = FaissFile.Read(path);
        string kind = checkedIndex.Kind;
        (checkedIndex as IDisposable)?.Dispose();
        FaissLibrary.Check(FaissLibrary.ReadIndex(path, flags: 0, out IntPtr index));
        return new NativeIndex(new FaissIndexHandle(index), kind, new FileInfo(path).Length);
    }

    /// <summary>Sets a parameter for how widely it searches, by FAISS's name: <c>nprobe</c>, <c>efSearch</c>.</summary>
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
            ? SearchWider(query, filter, results, wanted)
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

    // FAISS before 1.7.4 supports no selector for graphs, so more rows are requested until enough are admitted.
    private int SearchWider(ReadOnlySpan<float> query, RowFilter filter, Span<Candidate> results, int wanted)
    {
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

/// <summary>
/// The functions of FAISS's C API (<c>libfaiss_c</c>) that searching needs. Those that return an int return 0 for success;
/// otherwise <see cref="Check"/> throws the library's message.
/// </summary>
internal static partial class FaissLibrary
{
    /// <summary>Environment variable with the library's path, for when the system's loader does not find it.</summary>
    public const string PathVariable = "NANORECSYS_FAISS_C";

    private const string Name = "faiss_c";
    private static readonly Lazy<IntPtr> Handle = new(Load);

    static FaissLibrary() => NativeLibrary.SetDllImportResolver(
        typeof(FaissLibrary).Assembly, static (name, _, _) => name == Name ? Handle.Value : IntPtr.Zero);

    public static bool IsAvailable => Handle.Value != IntPtr.Zero; // whether the library is installed

    /// <summary>The library's version, if it reports one (since 1.7.2).</summary>
    public static string Version =>
        IsAvailable && NativeLibrary.TryGetExport(Handle.Value, "faiss_get_version", out _) ? Marshal.PtrToStringUTF8(VersionPointer()) ?? "" : "of unknown version";

    [LibraryImport(Name, EntryPoint = "faiss_get_last_error")]
    internal static partial IntPtr LastErrorPointer();

    [LibraryImport(Name, EntryPoint = "faiss_read_index_fname", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int ReadIndex(string path, int flags, out IntPtr index);

    [LibraryImport(Name, EntryPoint = "faiss_Index_free")]
    internal static partial void FreeIndex(IntPtr index);

    [LibraryImport(Name, EntryPoint = "faiss_Index_d")]
    internal static partial int Dimension(FaissIndexHandle index);

    [LibraryImport(Name, EntryPoint = "faiss_Index_ntotal")]
    internal static partial long Count(FaissIndexHandle index);

    [LibraryImport(Name, EntryPoint = "faiss_Index_metric_type")]
    internal static partial int Metric(FaissIndexHandle index);

    /// <returns>Null if the index has no lists.</returns>
    [LibraryImport(Name, EntryPoint = "faiss_IndexIVF_cast")]
    internal static partial IntPtr AsLists(FaissIndexHandle index);

    [LibraryImport(Name, EntryPoint = "faiss_IndexIVF_nlist")]
    internal static partial nuint Lists(IntPtr lists);

    [LibraryImport(Name, EntryPoint = "faiss_IndexIVF_nprobe")]
    internal static partial nuint Probes(IntPtr lists);

    /// <param name="values">[queries, D]</param>
    /// <param name="parameters">Search parameters of the index's kind.</param>
    /// <param name="distances">[queries, k]</param>
    /// <param name="labels">[queries, k], -1 if there is no neighbor.</param>
    [LibraryImport(Name, EntryPoint = "faiss_Index_search_with_params")]
    internal static unsafe partial int Search(FaissIndexHandle index, long queries, float* values, long k, IntPtr parameters, float* distances, long* labels);

    [LibraryImport(Name, EntryPoint = "faiss_Index_search")]
    internal static unsafe partial int Search(FaissIndexHandle index, long queries, float* values, long k, float* distances, long* labels);

    /// <param name="bitmap">Bit i % 8 of byte i / 8 admits row i; must outlive the selector.</param>
    [LibraryImport(Name, EntryPoint = "faiss_IDSelectorBitmap_new")]
    internal static unsafe partial int NewSelector(out IntPtr selector, nuint bytes, byte* bitmap);

    [LibraryImport(Name, EntryPoint = "faiss_IDSelector_free")]
    internal static partial void FreeSelector(IntPtr selector);

    [LibraryImport(Name, EntryPoint = "faiss_SearchParameters_new")]
    internal static partial int NewParameters(out IntPtr parameters, IntPtr selector);

    [LibraryImport(Name, EntryPoint = "faiss_SearchParametersIVF_new_with")]
    internal static partial int NewListParameters(out IntPtr parameters, IntPtr selector, nuint probes, nuint maxCodes);

    [LibraryImport(Name, EntryPoint = "faiss_SearchParameters_free")]
    internal static partial void FreeParameters(IntPtr parameters);

    [LibraryImport(Name, EntryPoint = "faiss_ParameterSpace_new")]
    internal static partial int NewParameterSpace(out IntPtr space);

    [LibraryImport(Name, EntryPoint = "faiss_ParameterSpace_set_index_parameter", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int SetParameter(IntPtr space, FaissIndexHandle index, string name, double value);

    [LibraryImport(Name, EntryPoint = "faiss_ParameterSpace_free")]
    internal static partial void FreeParameterSpace(IntPtr space);

    [LibraryImport(Name, EntryPoint = "faiss_get_version")]
    private static partial IntPtr VersionPointer();

    /// <exception cref="FaissException">The call failed.</exception>
    internal static void Check(int result)
    {
        if (result != 0)
        {
            throw new FaissException(Marshal.PtrToStringUTF8(LastErrorPointer()) ?? $"FAISS failed with code {result}.");
        }
    }

    private static IntPtr Load()
    {
        string? path = Environment.GetEnvironmentVariable(PathVariable);
        return NativeLibrary.TryLoad(string.IsNullOrEmpty(path) ? Name : path, Assembly.GetExecutingAssembly(), null, out IntPtr handle) ? handle : IntPtr.Zero;
    }
}

internal sealed class FaissException(string message) : Exception(message);

/// <summary>A native index; freed when no search uses it.</summary>
internal sealed class FaissIndexHandle() : SafeHandle(IntPtr.Zero, ownsHandle: true)
{
    public FaissIndexHandle(IntPtr index)
        : this() => SetHandle(index);

    public override bool IsInvalid => handle == IntPtr.Zero;

    protected override bool ReleaseHandle()
    {
        FaissLibrary.FreeIndex(handle);
        return true;
    }
}
