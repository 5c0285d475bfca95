using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using NanoRecSys.Api.Errors;

namespace NanoRecSys.Api.Security;

/// <summary>What a key is good for; the higher includes the lower.</summary>
internal enum KeyRole
{
    None,
    Write,
    Admin,
}

/// <summary>The keys of the settings, as hashes: who reads the settings learns no key.</summary>
internal sealed class ApiKeys(IOptions<SecurityOptions> options)
{
    public const string Header = "X-Api-Key";

    private readonly (byte[] Hash, KeyRole Role)[] _keys =
    [
        .. options.Value.WriteKeys.Select(key => (Convert.FromHexString(key), KeyRole.Write)),
        .. options.Value.AdminKeys.Select(key => (Convert.FromHexString(key), KeyRole.Admin)),
    ];

    /// <summary>Whether a key is asked for at all: with one key of either role, writing and administration both need one that is good for it.</summary>
    public bool AreRequired => _keys.Length > 0;

    /// <summary>Compares with every key in constant time, so that no answer's time tells how near a guess was.</summary>
    public KeyRole RoleOf(string? key)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(key ?? ""));
        KeyRole found = KeyRole.None;
        foreach ((byte[] known, KeyRole role) in _keys)
        {
            bool isEqual = CryptographicOperations.FixedTimeEquals(hash, known);
            found = isEqual && role > found ? role : found;
        }

        return found;
    }
}

/// <summary>Lets a call through only with a key of the role, where the settings name any key.</summary>
internal sealed class RequiresKey(KeyRole role) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        HttpContext http = context.HttpContext;
        ApiKeys keys = http.RequestServices.GetRequiredService<ApiKeys>();
        if (!keys.AreRequired)
        {
            return await next(context);
        }

        string? key = http.Request.Headers[ApiKeys.Header];
        KeyRole has = keys.RoleOf(key);
        if (has >= role)
        {
            return await next(context);
        }

        int status = has == KeyRole.None ? StatusCodes.Status401Unauthorized : StatusCodes.Status403Forbidden;
        return TypedResults.Json(
            new PlainError(has == KeyRole.None ? $"This call needs a key in the header {ApiKeys.Header}." : "This key may write, not administrate."),
            statusCode: status);
    }
}
