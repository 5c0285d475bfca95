using Microsoft.AspNetCore.Http.HttpResults;

namespace NanoRecSys.Api.Endpoints;

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
        RouteGroupBuilder status = app.MapGroup("").WithTags("Status");
        status.MapMethods("/readyz", [HttpMethods.Head], GetReadiness).ExcludeFromDescription(); // used by some probes; /healthz answers HEAD, too
        status.MapGet("/readyz", GetReadiness).WithSummary("200 when a model is served, 503 before that and while the service stops");
        status.MapGet("/debug/host", (IConfiguration settings) => HostReportReader.Read("NanoRecSys.Api", settings))
            .WithSummary("The process, and its effective settings without secrets").RequireKey(KeyRole.Read);
        status.MapGet("/debug/status", GetStatus).WithSummary("The running parts, their origin, and what is missing").RequireKey(KeyRole.Read);
    }

    private static StatusDocument GetStatus(StatusReader status) => status.Read();

    private static Results<Ok<StatusDocument>, JsonHttpResult<NotReadyError>> GetReadiness(StatusReader reader)
    {
        StatusDocument status = reader.Read();
        return status.Ready ? TypedResults.Ok(status) : NotReadyResult(status);
    }

    /// <summary>The answer of every call that needs a model if there is none yet.</summary>
    public static JsonHttpResult<NotReadyError> NotReadyResult(StatusDocument status) => TypedResults.Json(
        new NotReadyError(new NotReady("not_ready", status.Errors, status.Warnings)),
        statusCode: StatusCodes.Status503ServiceUnavailable);
}
