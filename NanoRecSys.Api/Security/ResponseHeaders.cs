namespace NanoRecSys.Api.Security;

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
