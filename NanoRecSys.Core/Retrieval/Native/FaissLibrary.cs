using System.Reflection;
using System.Runtime.InteropServices;

namespace NanoRecSys.Core.Retrieval.Native;

/// <summary>
/// The functions of FAISS's C API (<c>libfaiss_c</c>) that searching needs. Those that return an int give 0 for success;
/// else <see cref="Check"/> throws what the library says.
/// </summary>
internal static partial class FaissLibrary
{
    /// <summary>Environment variable with the library's path, where the system's loader does not find it.</summary>
    public const string PathVariable = "NANORECSYS_FAISS_C";

    private const string Name = "faiss_c";
    private static readonly Lazy<IntPtr> Handle = new(Load);

    static FaissLibrary() => NativeLibrary.SetDllImportResolver(
        typeof(FaissLibrary).Assembly, static (name, _, _) => name == Name ? Handle.Value : IntPtr.Zero);

    /// <summary>Whether the library is installed.</summary>
    public static bool IsAvailable => Handle.Value != IntPtr.Zero;

    /// <summary>The library's version, where it tells (since 1.7.2).</summary>
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

    /// <returns>Null where the index has no lists.</returns>
    [LibraryImport(Name, EntryPoint = "faiss_IndexIVF_cast")]
    internal static partial IntPtr AsLists(FaissIndexHandle index);

    [LibraryImport(Name, EntryPoint = "faiss_IndexIVF_nlist")]
    internal static partial nuint Lists(IntPtr lists);

    [LibraryImport(Name, EntryPoint = "faiss_IndexIVF_nprobe")]
    internal static partial nuint Probes(IntPtr lists);

    /// <param name="index">The index.</param>
    /// <param name="queries">Number of queries.</param>
    /// <param name="values">[queries, D]</param>
    /// <param name="k">Neighbours of each.</param>
    /// <param name="parameters">Search parameters of the index's kind.</param>
    /// <param name="distances">[queries, k]</param>
    /// <param name="labels">[queries, k], -1 where there is no neighbour.</param>
    [LibraryImport(Name, EntryPoint = "faiss_Index_search_with_params")]
    internal static unsafe partial int Search(FaissIndexHandle index, long queries, float* values, long k, IntPtr parameters, float* distances, long* labels);

    [LibraryImport(Name, EntryPoint = "faiss_Index_search")]
    internal static unsafe partial int Search(FaissIndexHandle index, long queries, float* values, long k, float* distances, long* labels);

    /// <param name="selector">Receives it.</param>
    /// <param name="bytes">Length of the bitmap.</param>
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

/// <summary>What the native FAISS library says went wrong.</summary>
internal sealed class FaissException : Exception
{
    public FaissException(string message)
        : base(message)
    {
    }

    public FaissException()
    {
    }

    public FaissException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>A native index; freed when no search uses it any more.</summary>
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
