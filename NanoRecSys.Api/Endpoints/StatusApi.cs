using Microsoft.AspNetCore.Http.HttpResults;
using NanoRecSys.Api.Errors;
using NanoRecSys.Core.Contracts;
using NanoRecSys.ServiceDefaults;

namespace NanoRecSys.Api.Status;

/// <summary><c>GET /readyz</c>, <c>GET /debug/status</c> and <c>GET /debug/host</c>.</summary>
internal static class StatusApi
{
    public static void AddStatus(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<RequestCounters>();
        builder.Services.AddSingleton<StatusReader>();
    }

    public static void MapStatus(this IEndpointRouteBuilder app)
    {
        app.MapGet("/readyz", GetReadiness).WithTags("Status").WithSummary("200 once a model is served, 503 before");
        app.MapGet("/debug/host", (IConfiguration settings) => HostReportReader.Read("NanoRecSys.Api", settings))
            .WithTags("Status").WithSummary("The process, and the settings in force without their secrets");
        app.MapGet("/debug/status", GetStatus).WithTags("Status").WithSummary("What runs, from where, and what is missing");
    }

    private static StatusDocument GetStatus(StatusReader status) => status.Read();

    private static Results<Ok<StatusDocument>, JsonHttpResult<NotReadyError>> GetReadiness(StatusReader reader)
    {
        StatusDocument status = reader.Read();
        return status.Ready ? TypedResults.Ok(status) : NotReadyResult(status);
    }

    /// <summary>The answer of every call that needs a model, before there is one.</summary>
    public static JsonHttpResult<NotReadyError> NotReadyResult(StatusDocument status) => TypedResults.Json(
        new NotReadyError(new NotReady("not_ready", status.Errors, status.Warnings)),
        statusCode: StatusCodes.Status503ServiceUnavailable);
}
