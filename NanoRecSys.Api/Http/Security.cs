using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.RateLimiting;

namespace NanoRecSys.Api.Http;

/// <summary>Keys, rate limits, headers and origins; docs/operations.md says what they protect.</summary>
internal static class Security
{
    private static readonly PathString ReferencePage = "/scalar"; // the only page: it runs its own scripts

    public static void AddSecurity(this WebApplicationBuilder builder)
    {
        builder.AddSettings<SecurityOptions>(SecurityOptions.Section);
        builder.Services.AddRateLimits();
        builder.Services.AddCors();
        builder.Services.AddOptions<ForwardedHeadersOptions>().PostConfigure<IOptions<SecurityOptions>>((forwarded, security) => Trust(forwarded, security.Value));
        builder.AddApiKeys();
    }

    /// <summary>Must precede everything that can refuse a request, so that refusals have an id and headers, too.</summary>
    public static void UseSecurity(this WebApplication app)
    {
        SecurityOptions options = app.Services.GetRequiredService<IOptions<SecurityOptions>>().Value;
        if (options.KnownProxies.Count > 0)
        {
            app.UseForwardedHeaders();
        }

        app.Use((http, next) =>
        {
            // Never taken from the client: clients must not control what the log shows.
            http.TraceIdentifier = Guid.NewGuid().ToString();
            WriteHeaders(http);
            return next(http);
        });
        if (options.CorsOrigins.Count > 0)
        {
            // Before the limits, so that pages can read a refusal and preflights do not count.
            app.UseCors(policy => policy
                .WithOrigins([.. options.CorsOrigins])
                .WithMethods("GET", "POST", "DELETE")
                .WithHeaders("content-type", ApiKeyHandler.Header)
                .WithExposedHeaders("X-Request-Id", "Retry-After"));
        }

        app.UseCrossOriginProtection(options.CorsOrigins);
        if (options.RequestsPerSecond > 0)
        {
            app.UseRateLimiter();
        }

        app.UseApiKeys();
    }

    /// <summary>Writes the request's id, and headers that make browsers treat the response as data. Called again for exceptions, which clear the response.</summary>
    public static void WriteHeaders(HttpContext http)
    {
        IHeaderDictionary headers = http.Response.Headers;
        headers["X-Request-Id"] = http.TraceIdentifier;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        headers.CacheControl = "no-store";
        if (!http.Request.Path.StartsWithSegments(ReferencePage))
        {
            headers.ContentSecurityPolicy = "default-src 'none'; frame-ancestors 'none'";
        }
    }

    // ASPNETCORE_FORWARDEDHEADERS_ENABLED alone would trust every sender, so that anyone could choose the address that the limits count.
    private static void Trust(ForwardedHeadersOptions forwarded, SecurityOptions security)
    {
        if (security.KnownProxies.Count == 0)
        {
            forwarded.ForwardedHeaders &= ~(ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedHost);
            return;
        }

        forwarded.ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto;
        forwarded.ForwardLimit = null; // skips every listed proxy, up to the first address that is not listed
        forwarded.KnownProxies.Clear();
        forwarded.KnownIPNetworks.Clear();
        foreach (string proxy in security.KnownProxies)
        {
            forwarded.KnownIPNetworks.Add(SecurityOptions.ParseProxy(proxy)!.Value);
        }
    }
}

/// <summary>Section <c>Security</c>. Everything is optional: without settings the service is as open as a program on your own machine.</summary>
internal sealed class SecurityOptions : IValidatableObject
{
    public const string Section = "Security";

    private const string HashOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// <summary>SHA-256 (64 hex digits) of each key that may read users, histories, recommendations and <c>/debug</c>; if empty, anyone may read.</summary>
    public IList<string> ReadKeys { get; init; } = [];

    /// <summary>SHA-256 of each key that may also write events and items. If no key is configured, anyone may write.</summary>
    public IList<string> WriteKeys { get; init; } = [];

    /// <summary>SHA-256 of each key that may also change the served model. If no key is configured, anyone may.</summary>
    public IList<string> AdminKeys { get; init; } = [];

    /// <summary>Average number of requests per second from one address; 0 for no limit.</summary>
    [Range(0, 1_000_000)]
    public int RequestsPerSecond { get; set; }

    /// <summary>Maximum burst of requests; 0 for twice the rate.</summary>
    [Range(0, 1_000_000)]
    public int Burst { get; set; }

    /// <summary>Origins whose pages may call the API from a browser.</summary>
    public IList<string> CorsOrigins { get; init; } = [];

    /// <summary>Addresses or networks (<c>10.0.0.0/8</c>) of reverse proxies whose <c>X-Forwarded-For</c> names the client; if empty, the header is ignored.</summary>
    public IList<string> KnownProxies { get; init; } = [];

    public IEnumerable<(string Hash, KeyRole Role)> Keys() =>
    [
        .. ReadKeys.Select(key => (key, KeyRole.Read)),
        .. WriteKeys.Select(key => (key, KeyRole.Write)),
        .. AdminKeys.Select(key => (key, KeyRole.Admin)),
    ];

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        // The value is not repeated: it may be a key in plain text, and this message is logged.
        if (Keys().Any(key => key.Hash is not { Length: 64 } || !key.Hash.All(char.IsAsciiHexDigit)))
        {
            yield return new ValidationResult($"{Section}: a key must be given by its SHA-256, 64 hex digits (printf %s KEY | sha256sum).");
        }

        if (Keys().Any(key => HashOfNothing.Equals(key.Hash, StringComparison.OrdinalIgnoreCase)))
        {
            yield return new ValidationResult($"{Section}: a key is the SHA-256 of the empty text, so every caller would have it. Was the variable with the key not set?");
        }

        foreach (string origin in CorsOrigins.Where(origin => !IsOrigin(origin)))
        {
            yield return new ValidationResult($"{Section}:{nameof(CorsOrigins)}: '{origin}' is not an origin such as https://shop.example or http://localhost:3000 (no path, no slash at the end).");
        }

        foreach (string proxy in KnownProxies.Where(proxy => ParseProxy(proxy) is null))
        {
            yield return new ValidationResult($"{Section}:{nameof(KnownProxies)}: '{proxy}' is not an IP address or a network such as 10.0.0.0/8.");
        }
    }

    // Browsers send origins in exactly this form; anything else, such as a trailing slash, would never match.
    private static bool IsOrigin(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" && text.Equals(uri.GetLeftPart(UriPartial.Authority), StringComparison.OrdinalIgnoreCase);

    internal static System.Net.IPNetwork? ParseProxy(string text) =>
        IPAddress.TryParse(text, out IPAddress? address) ? new System.Net.IPNetwork(address, 8 * address.GetAddressBytes().Length)
        : System.Net.IPNetwork.TryParse(text, out System.Net.IPNetwork network) ? network
        : null;
}

/// <summary>Limits requests per second from one address. Not per key, because an unauthenticated client could send a new key each time.</summary>
internal static class RateLimits
{
    private const int SiteBytes = 8; // of an IPv6 address: providers assign at least a /64 to one customer

    public static void AddRateLimits(this IServiceCollection services)
    {
        services.AddRateLimiter();
        services.AddOptions<RateLimiterOptions>().Configure<IOptions<SecurityOptions>>((limits, security) => Configure(limits, security.Value));
    }

    private static void Configure(RateLimiterOptions limits, SecurityOptions options)
    {
        limits.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, IPAddress>(http =>
            http.Request.Path.IsProbe()
                ? RateLimitPartition.GetNoLimiter(IPAddress.None)
                : RateLimitPartition.GetTokenBucketLimiter(ClientOf(http.Connection.RemoteIpAddress), _ => Bucket(options)));
        limits.OnRejected = (context, _) =>
        {
            double seconds = context.Lease.TryGetMetadata(MetadataName.RetryAfter, out TimeSpan wait) ? Math.Ceiling(wait.TotalSeconds) : 1;
            context.HttpContext.Response.Headers.RetryAfter = $"{seconds}";
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
