using NanoRecSys.Api.Errors;
using NanoRecSys.Api.Models;
using NanoRecSys.Api.Status;

namespace NanoRecSys.Api.Browsing;

/// <summary>What every call that looks something up in the served model has in common.</summary>
internal static class LookUp
{
    public static IResult Answer(UrlFields fields, ServedModel served, StatusReader status, Func<ModelSnapshot, IResult> read)
    {
        using SnapshotLease? lease = served.Lease();
        return Refusal(fields, lease, status) ?? read(lease!.Model);
    }

    /// <summary>Null only where there is a model to ask.</summary>
    public static IResult? Refusal(UrlFields fields, SnapshotLease? lease, StatusReader status) =>
        fields.Errors.Count > 0 ? TypedResults.UnprocessableEntity(new FieldErrors(fields.Errors))
        : lease is null ? StatusApi.NotReadyResult(status.Read())
        : null;
}
