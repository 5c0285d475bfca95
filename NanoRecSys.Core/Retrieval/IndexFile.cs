using NanoRecSys.Core.Retrieval.Native;

namespace NanoRecSys.Core.Retrieval;

/// <summary>Opens an index file with the engine that was asked for.</summary>
public static class IndexFile
{
    /// <param name="path">A FAISS file.</param>
    /// <param name="engine">See <see cref="IndexEngines"/>.</param>
    /// <exception cref="InvalidDataException">The file is damaged or of a kind that is not read here.</exception>
    /// <exception cref="FaissException">The engine is FAISS, and it is not installed or refuses the file.</exception>
    public static IVectorIndex Read(string path, string engine) =>
        engine == IndexEngines.Faiss ? NativeIndex.Read(path) : FaissFile.Read(path);
}
