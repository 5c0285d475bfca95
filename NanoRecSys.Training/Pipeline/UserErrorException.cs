namespace NanoRecSys.Training.Pipeline;

/// <summary>
/// Something the caller can mend: bad options, bad data, a step that must run first. The command line prints
/// the message as one line and exits with 1, without a stack trace.
/// </summary>
public sealed class UserErrorException : Exception
{
    public UserErrorException()
    {
    }

    public UserErrorException(string message)
        : base(message)
    {
    }

    public UserErrorException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
