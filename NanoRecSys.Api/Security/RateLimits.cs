using System.Globalization;
using System.Net;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;
using NanoRecSys.Api.Errors;

namespace NanoRecSys.Api.Security;

/// <summary>So many requests per address and second. Not per key: whoever may choose the key could choose a new one each time.</summary>
internal static class RateLimits
{
    public static void Configure(RateLimiterOptions limits, SecurityOptions options)
    {
        limits.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, IPAddress>(http =>
            options.RequestsPerSecond == 0 || IsProbe(http.Request.Path)
                ? RateLimitPartition.GetNoLimiter(IPAddress.None)
                : RateLimitPartition.GetTokenBucketLimiter(http.Connection.RemoteIpAddress ?? IPAddress.None, _ => Bucket(options)));
        limits.OnRejected = async (context, cancellation) =>
        {
            HttpResponse response = context.HttpContext.Response;
            double seconds = context.Lease.TryGetMetadata(MetadataName.RetryAfter, out TimeSpan wait) ? Math.Ceiling(wait.TotalSeconds) : 1;
            response.StatusCode = StatusCodes.Status429TooManyRequests;
            response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
            var error = new PlainError($"More than {options.RequestsPerSecond} requests a second from one address.") { RequestId = context.HttpContext.TraceIdentifier };
            await response.WriteAsJsonAsync(error, ApiJson.Default.PlainError, cancellationToken: cancellation);
        };
    }

    /// <summary>The framework refills partitions ten times a second, each time by the share of the period that has passed: any rate is exact.</summary>
    internal static TokenBucketRateLimiterOptions Bucket(SecurityOptions options) => new()
    {
        TokenLimit = options.Burst > 0 ? options.Burst : 2 * options.RequestsPerSecond,
        TokensPerPeriod = options.RequestsPerSecond,
        ReplenishmentPeriod = TimeSpan.FromSeconds(1),
        QueueLimit = 0,
    };

    // A host that asks whether the service lives must always be answered.
    private static bool IsProbe(PathString path) =>
        path.StartsWithSegments("/health") || path.StartsWithSegments("/healthz") || path.StartsWithSegments("/readyz");
}

/// <summary>Hands the settings to the framework's limiter.</summary>
internal sealed class RateLimiterSetup(IOptions<SecurityOptions> options) : IConfigureOptions<RateLimiterOptions>
{
    public void Configure(RateLimiterOptions limits) => RateLimits.Configure(limits, options.Value);
}
