namespace NanoRecSys.Core.Artifacts;

/// <summary>A version that cannot be published or served; the message says what, expected, actual and remedy.</summary>
public sealed class ArtifactException : Exception
{
    public ArtifactException()
    {
    }

    public ArtifactException(string message)
        : base(message)
    {
    }

    public ArtifactException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
