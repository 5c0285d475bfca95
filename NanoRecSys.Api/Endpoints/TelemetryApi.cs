using System.ComponentModel;
using Microsoft.AspNetCore.Http.HttpResults;

namespace NanoRecSys.Api.Endpoints;

/// <summary><c>GET /debug/telemetry</c>: the last minutes of this process and the other replicas, without a collector.</summary>
internal static class TelemetryApi
{
    private const int DefaultSeconds = 300;

    public static void AddRecommendationTelemetry(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<ReplicaTraffic>();
        builder.Services.AddSingleton<TelemetryWindow>();
        builder.Services.AddSingleton<RecommendationTelemetry>();
        builder.Services.AddHostedService<ReplicaNotices>();
    }

    public static void MapTelemetry(this IEndpointRouteBuilder app) =>
        app.MapGet("/debug/telemetry", GetTelemetry).WithTags("Status").WithSummary("Latencies by stage and over time, errors, the last 50 requests and the slowest ones").RequireKey(KeyRole.Read);

    private static Results<Ok<TelemetrySnapshot>, UnprocessableEntity<FieldErrors>> GetTelemetry(
        TelemetryWindow telemetry, ReplicaTraffic others, ComputeLimiter limiter,
        [Description("Seconds to look back, 1 to 1800; default: 300")] string? window = null)
    {
        var fields = new UrlFields();
        int seconds = fields.Int32("query", "window", window, DefaultSeconds, 1, TelemetryWindow.MaxSeconds);
        return fields.Errors.Count > 0
            ? TypedResults.UnprocessableEntity(new FieldErrors(fields.Errors))
            : TypedResults.Ok(telemetry.Read(seconds) with { Load = others.With(limiter.Read()), Replicas = others.Count + 1 });
    }
}
