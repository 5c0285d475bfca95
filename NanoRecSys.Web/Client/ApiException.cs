namespace NanoRecSys.Web.Client;

/// <summary>Why a call to the API brought nothing.</summary>
public enum ApiFailure
{
    /// <summary>Nobody answered, or not in time.</summary>
    Away,

    /// <summary>It answered 503: there is no model to serve yet.</summary>
    NotReady,

    /// <summary>It answered 401 or 403: the call needs a key, or another one.</summary>
    KeyNeeded,

    /// <summary>It answered with another error.</summary>
    Refused,
}

/// <summary>A call to the API failed; the message is for people.</summary>
public sealed class ApiException(ApiFailure failure, string message, Exception? innerException = null)
    : Exception(message, innerException)
{
    public ApiFailure Failure { get; } = failure;
}
