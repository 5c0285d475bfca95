using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;

namespace NanoRecSys.Api.Http;

/// <summary>Limits requests per second from one address. Not per key, because an unauthenticated client could send a new key each time.</summary>
internal static class RateLimits
{
    private const int SiteBytes = 8; // of an IPv6 address: providers assign at least a /64 to one customer

    public static void AddRateLimits(this IServiceCollection services)
    {
        services.AddRateLimiter();
        services.AddOptions<RateLimiterOptions>().Configure<IOptions<SecurityOptions>>((limits, security) => Configure(limits, security.Value));
    }

    public static void Configure(RateLimiterOptions limits, SecurityOptions options)
    {
        limits.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, IPAddress>(http =>
            options.RequestsPerSecond == 0 || http.Request.Path.IsProbe()
                ? RateLimitPartition.GetNoLimiter(IPAddress.None)
                : RateLimitPartition.GetTokenBucketLimiter(ClientOf(http.Connection.RemoteIpAddress), _ => Bucket(options)));
        limits.OnRejected = (context, _) =>
        {
            double seconds = context.Lease.TryGetMetadata(MetadataName.RetryAfter, out TimeSpan wait) ? Math.Ceiling(wait.TotalSeconds) : 1;
            context.HttpContext.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
            return new ValueTask(context.HttpContext.WriteErrorAsync(
                StatusCodes.Status429TooManyRequests, $"More than {options.RequestsPerSecond} requests a second from one address."));
        };
    }

    /// <summary>An IPv4 address, or the first 64 bits of an IPv6 address, because one client has 2^64 of them.</summary>
    internal static IPAddress ClientOf(IPAddress? address)
    {
        if (address is not { AddressFamily: AddressFamily.InterNetworkV6 })
        {
            return address ?? IPAddress.None;
        }

        if (address.IsIPv4MappedToIPv6)
        {
            return address.MapToIPv4();
        }

        byte[] bytes = address.GetAddressBytes();
        Array.Clear(bytes, SiteBytes, bytes.Length - SiteBytes);
        return new IPAddress(bytes);
    }

    /// <summary>The framework refills partitions ten times a second, each time in proportion to the elapsed time, so any rate is exact.</summary>
    internal static TokenBucketRateLimiterOptions Bucket(SecurityOptions options) => new()
    {
        TokenLimit = options.Burst > 0 ? options.Burst : 2 * options.RequestsPerSecond,
        TokensPerPeriod = options.RequestsPerSecond,
        ReplenishmentPeriod = TimeSpan.FromSeconds(1),
        QueueLimit = 0,
    };
}
