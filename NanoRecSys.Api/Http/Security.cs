using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Net;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;
using NanoRecSys.Api.Errors;

namespace NanoRecSys.Api.Security;

/// <summary>Keys, rate limits, headers and CORS; see docs/operations.md for what they protect.</summary>
internal static class SecurityExtensions
{
    public static void AddSecurity(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<SecurityOptions>().BindConfiguration(SecurityOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton<ApiKeys>();
        builder.Services.AddRateLimiter();
        builder.Services.AddSingleton<IConfigureOptions<RateLimiterOptions>, RateLimiterSetup>();
        builder.Services.AddCors();
    }

    /// <summary>Before everything that could refuse a request: a refusal has an id and headers, too.</summary>
    public static void UseSecurity(this WebApplication app)
    {
        app.UseResponseHeaders();
        SecurityOptions options = app.Services.GetRequiredService<IOptions<SecurityOptions>>().Value;
        if (options.CorsOrigins.Count > 0)
        {
            app.UseCors(Policy(options)); // before the limits: pages can read their refusal, and preflights do not count
        }

        if (options.RequestsPerSecond > 0)
        {
            app.UseRateLimiter();
        }
    }

    public static RouteHandlerBuilder RequireKey(this RouteHandlerBuilder endpoint, KeyRole role) => endpoint
        .AddEndpointFilter(new RequiresKey(role))
        .Produces<Errors.PlainError>(StatusCodes.Status401Unauthorized)
        .Produces<Errors.PlainError>(StatusCodes.Status403Forbidden);

    private static Action<CorsPolicyBuilder> Policy(SecurityOptions options) => policy => policy
        .WithOrigins([.. options.CorsOrigins])
        .WithMethods("GET", "POST", "DELETE")
        .WithHeaders("content-type", ApiKeys.Header)
        .WithExposedHeaders("X-Request-Id", "Retry-After");
}

/// <summary>Section <c>Security</c>. Everything is optional: without settings the service is open, as it is on one's own machine.</summary>
internal sealed class SecurityOptions : IValidatableObject
{
    public const string Section = "Security";

    /// <summary>SHA-256 (64 hex digits) of each key that may write: events and movies. Without keys of either kind anyone may; with administrators' keys alone, only these.</summary>
    public IList<string> WriteKeys { get; init; } = [];

    /// <summary>SHA-256 of each key that may change which model is served, and write. Without keys of either kind anyone may; with write keys alone, nobody.</summary>
    public IList<string> AdminKeys { get; init; } = [];

    /// <summary>Requests that one address may send each second, over time; 0 sets no limit.</summary>
    [Range(0, 1_000_000)]
    public int RequestsPerSecond { get; set; }

    /// <summary>How many of them at once; twice the rate unless set.</summary>
    [Range(0, 1_000_000)]
    public int Burst { get; set; }

    /// <summary>Origins whose pages may call from a browser; none unless set.</summary>
    public IList<string> CorsOrigins { get; init; } = [];

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) => WriteKeys.Concat(AdminKeys)
        .Where(key => key.Length != 64 || !key.All(char.IsAsciiHexDigit))
        // Not repeated here: it may be a key in the clear, and this goes to the log.
        .Select(_ => new ValidationResult($"{Section}: a key must be given by its SHA-256, 64 hex digits (printf %s KEY | sha256sum)."));
}

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

/// <summary>Gives every answer its request's id, and what tells browsers to take it for nothing but data.</summary>
internal static class ResponseHeaders
{
    private const string RequestId = "X-Request-Id";
    private static readonly PathString ReferencePage = "/scalar"; // the one page: it runs scripts of its own

    public static void UseResponseHeaders(this WebApplication app) => app.Use((http, next) =>
    {
        // Made here, never taken from the client: what stands in the log must not be the client's to write.
        http.TraceIdentifier = Guid.NewGuid().ToString();
        Write(http);
        return next(http);
    });

    /// <summary>Once more after what handles exceptions, which begins with an empty response.</summary>
    public static void Write(HttpContext http)
    {
        IHeaderDictionary headers = http.Response.Headers;
        headers[RequestId] = http.TraceIdentifier;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        headers.CacheControl = "no-store";
        if (!http.Request.Path.StartsWithSegments(ReferencePage))
        {
            headers.ContentSecurityPolicy = "default-src 'none'; frame-ancestors 'none'";
        }
    }
}
