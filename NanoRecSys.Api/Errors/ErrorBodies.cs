using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Errors;

/// <summary>Body of every answer that is no success.</summary>
public abstract record ErrorBody
{
    /// <summary>As in the header <c>X-Request-Id</c> and in the log.</summary>
    public string? RequestId { get; set; }
}

/// <summary>Body of a 422: what is wrong with which field.</summary>
public sealed record FieldErrors(IReadOnlyList<FieldError> Detail) : ErrorBody;

/// <summary>Body of a 503 before the first model is served.</summary>
public sealed record NotReadyError(NotReady Detail) : ErrorBody;

/// <param name="Status">Always <c>not_ready</c>.</param>
/// <param name="Errors">Why there is no model.</param>
/// <param name="Warnings">What else is not as it should be.</param>
public sealed record NotReady(string Status, IReadOnlyList<string> Errors, IReadOnlyList<string> Warnings);

/// <summary>Body of every other error: one sentence.</summary>
public sealed record PlainError(string Detail) : ErrorBody;
