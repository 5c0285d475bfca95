namespace NanoRecSys.Core.Retrieval.Native;

/// <summary>What the native FAISS library says went wrong.</summary>
public sealed class FaissException : Exception
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
