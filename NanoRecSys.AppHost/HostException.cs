namespace NanoRecSys.AppHost;

/// <summary>Something the user can mend: printed as one line, the host then exits with 1.</summary>
internal sealed class HostException : Exception
{
    public HostException()
    {
    }

    public HostException(string message)
        : base(message)
    {
    }

    public HostException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
