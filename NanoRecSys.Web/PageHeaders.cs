using System.Security.Cryptography;

namespace NanoRecSys.Web;

/// <summary>Headers that restrict pages in the browser: only the site's own scripts run, and no other site can frame a page.</summary>
internal static class PageHeaders
{
    private static readonly object NonceKey = new();

    private const string ImagesSetting = "Pages:ImageOrigins";

    public static void UsePageHeaders(this WebApplication app)
    {
        string[] images = ImageOrigins(app.Configuration);
        foreach (string origin in images)
        {
            if (!Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("http" or "https") || uri.GetLeftPart(UriPartial.Authority) != origin.TrimEnd('/'))
            {
                throw new InvalidOperationException($"{ImagesSetting}: '{origin}' is not an origin such as https://images.example.com.");
            }
        }

        app.Use((http, next) => SetHeaders(http, next, images));
    }

    /// <summary>Whether the policy allows the picture: its origin is in the setting <c>Pages:ImageOrigins</c>.</summary>
    public static bool AllowsImage(IConfiguration configuration, string? address) =>
        Uri.TryCreate(address, UriKind.Absolute, out Uri? uri)
        && ImageOrigins(configuration).Any(origin => string.Equals(origin.TrimEnd('/'), uri.GetLeftPart(UriPartial.Authority), StringComparison.OrdinalIgnoreCase));

    private static string[] ImageOrigins(IConfiguration configuration) => configuration.GetSection(ImagesSetting).Get<string[]>() ?? [];

    private static Task SetHeaders(HttpContext http, RequestDelegate next, string[] images)
    {
        string nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
        http.Items[NonceKey] = nonce;
        IHeaderDictionary headers = http.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        // Styles: bar widths are inline. Scripts: files of this site, and the import map with its nonce.
        headers.ContentSecurityPolicy =
            $"default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:{string.Concat(images.Select(origin => $" {origin}"))}; "
            + "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";
        return next(http);
    }

    /// <summary>Answers 404 with the page being rendered; does nothing when the page is interactive.</summary>
    public static void NotFound(this HttpContext? http) => http?.Response.OnStarting(() =>
    {
        http.Response.StatusCode = StatusCodes.Status404NotFound; // not earlier: Blazor would replace the page with the not-found page
        return Task.CompletedTask;
    });

    /// <summary>The nonce that this response's script policy allows.</summary>
    public static string? ScriptNonce(this HttpContext http) => http.Items[NonceKey] as string;
}
