namespace NanoRecSys.Web.Client;

/// <summary>What a feed knows now: the last value that came, and why nothing newer did.</summary>
/// <param name="Value">Null until the first came.</param>
/// <param name="Failure">Null when the last read succeeded.</param>
public sealed record Reading<T>(T? Value = null, ApiException? Failure = null)
    where T : class;
