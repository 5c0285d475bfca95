using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Web.Client;

/// <summary>The status document, the API's process, and what is served; null before the first model.</summary>
public sealed record SystemView(StatusDocument Status, HostReport Host, Manifest? Manifest)
{
    public static async Task<SystemView> ReadAsync(RecommenderClient client, CancellationToken cancellation)
    {
        StatusDocument status = await client.StatusAsync(cancellation);
        return new SystemView(status, await client.HostAsync(cancellation), status.Version is null ? null : await client.CurrentModelAsync(cancellation));
    }
}
