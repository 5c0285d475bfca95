namespace NanoRecSys.Web.Client;

/// <summary>Section <c>Api</c>: what the pages need to call the API.</summary>
public sealed class ApiOptions
{
    public const string Section = "Api";

    /// <summary>
    /// Sent with what a visitor stores ("Watched it"), where the API's <c>Security:WriteKeys</c> asks for a key. Never with
    /// a change of what is served: whoever sees the page could make one.
    /// </summary>
    public string? WriteKey { get; set; }
}
