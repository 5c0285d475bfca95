using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;

namespace NanoRecSys.Api.Http;

/// <summary>Permissions of a key; a higher role includes the lower ones. Also the name of the authorization policy.</summary>
internal enum KeyRole
{
    None,
    Read,
    Write,
    Admin,
}

/// <summary>Authentication by the header <c>X-Api-Key</c>, only if a key is configured: otherwise it costs requests nothing.</summary>
internal static class ApiKeys
{
    public static void AddApiKeys(this WebApplicationBuilder builder)
    {
        if (!AreConfigured(builder.Configuration))
        {
            return;
        }

        builder.Logging.AddFilter(typeof(ApiKeyHandler).FullName, LogLevel.Warning); // otherwise logs every refusal
        builder.Services.AddAuthentication(ApiKeyHandler.Scheme).AddScheme<AuthenticationSchemeOptions, ApiKeyHandler>(ApiKeyHandler.Scheme, null);
        AuthorizationBuilder authorization = builder.Services.AddAuthorizationBuilder();
        foreach (string role in Enum.GetNames<KeyRole>())
        {
            authorization.AddPolicy(role, policy => policy.RequireRole(role));
        }
    }

    public static void UseApiKeys(this WebApplication app)
    {
        if (AreConfigured(app.Configuration))
        {
            app.UseAuthentication();
            app.UseAuthorization();
        }
    }

    /// <summary>If any key is configured, writing and administration need a key of that role; reading needs one if there are read keys.</summary>
    public static T RequireKey<T>(this T endpoints, KeyRole role)
        where T : IEndpointConventionBuilder
    {
        endpoints.Add(endpoint =>
        {
            IConfiguration settings = endpoint.ApplicationServices.GetRequiredService<IConfiguration>();
            if (role == KeyRole.Read ? Has(settings, nameof(SecurityOptions.ReadKeys)) : AreConfigured(settings))
            {
                endpoint.Metadata.Add(new AuthorizeAttribute(role.ToString()));
                endpoint.Metadata.Add(new ProducesResponseTypeMetadata(StatusCodes.Status401Unauthorized, typeof(PlainError), ["application/json"]));
                endpoint.Metadata.Add(new ProducesResponseTypeMetadata(StatusCodes.Status403Forbidden, typeof(PlainError), ["application/json"]));
            }
        });
        return endpoints;
    }

    private static bool AreConfigured(IConfiguration settings) =>
        Has(settings, nameof(SecurityOptions.ReadKeys)) || Has(settings, nameof(SecurityOptions.WriteKeys)) || Has(settings, nameof(SecurityOptions.AdminKeys));

    private static bool Has(IConfiguration settings, string kind) => settings.GetSection($"{SecurityOptions.Section}:{kind}").GetChildren().Any();
}

internal sealed class ApiKeyHandler(
    IOptions<SecurityOptions> security, IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string Header = "X-Api-Key";
    public new const string Scheme = "ApiKey";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        KeyRole found = RoleOf(Request.Headers[Header]);
        IEnumerable<Claim> claims = Enum.GetValues<KeyRole>().Where(role => role <= found).Select(role => new Claim(ClaimTypes.Role, role.ToString()));
        return Task.FromResult(found == KeyRole.None
            ? AuthenticateResult.NoResult()
            : AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(new ClaimsIdentity(claims, Scheme)), Scheme)));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.Headers.WWWAuthenticate = Scheme;
        return Context.WriteErrorAsync(StatusCodes.Status401Unauthorized, $"This call needs a key in the header {Header}.");
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        Context.WriteErrorAsync(StatusCodes.Status403Forbidden, $"The key in the header {Header} does not permit this call. See Security:WriteKeys and Security:AdminKeys.");

    // Compares with every key in constant time, so the response time does not reveal how close a guess is.
    private KeyRole RoleOf(string? key)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(key ?? ""));
        KeyRole found = KeyRole.None;
        foreach ((string known, KeyRole role) in security.Value.Keys())
        {
            bool isEqual = CryptographicOperations.FixedTimeEquals(hash, Convert.FromHexString(known));
            found = isEqual && role > found ? role : found;
        }

        return found;
    }
}
