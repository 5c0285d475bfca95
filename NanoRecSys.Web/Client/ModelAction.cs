namespace NanoRecSys.Web.Client;

/// <summary>A change of which version is served.</summary>
/// <param name="Title">What the button says.</param>
/// <param name="Consequence">What it will do, in one sentence.</param>
/// <param name="Method">Of the API's call.</param>
/// <param name="Path">Of the API's call.</param>
public sealed record ModelAction(string Title, string Consequence, HttpMethod Method, string Path)
{
    public static ModelAction Publish(string version) => new(
        $"Publish {version}", "Every replica serves it within a second, until the next version is published.", HttpMethod.Post, $"/models/{version}/activate");

    public static ModelAction Pin(string version) => new(
        $"Pin {version}", "Every replica serves it within a second, whatever is published, until it is unpinned.", HttpMethod.Post, $"/models/{version}/pin");

    public static ModelAction Unpin(string pinned, string? current) => new(
        $"Unpin {pinned}", $"The current version is served again{(current is null ? "" : $": {current}")}.", HttpMethod.Delete, "/models/pin");

    public static ModelAction RollBack(string? current) => new(
        "Roll back", $"The version that was published before {current ?? "the current one"} becomes the current one.", HttpMethod.Post, "/models/rollback");
}
