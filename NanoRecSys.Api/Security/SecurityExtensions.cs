using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;

namespace NanoRecSys.Api.Security;

/// <summary>Keys, rate limits, headers and CORS; see docs/security.md for what they protect.</summary>
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
