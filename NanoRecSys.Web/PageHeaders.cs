using System.Security.Cryptography;

namespace NanoRecSys.Web;

/// <summary>Headers that tell a browser what a page may do: run its own scripts only, and never inside another site's frame.</summary>
internal static class PageHeaders
{
    private static readonly object NonceKey = new();

    public static void UsePageHeaders(this WebApplication app) => app.Use((http, next) =>
    {
        string nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
        http.Items[NonceKey] = nonce;
        IHeaderDictionary headers = http.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        // Styles: the widths of bars are inline. Scripts: files of this site, and the import map with its nonce.
        headers.ContentSecurityPolicy =
            $"default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
            + "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";
        return next(http);
    });

    /// <summary>The nonce that this response's script policy allows.</summary>
    public static string? ScriptNonce(this HttpContext http) => http.Items[NonceKey] as string;
}
