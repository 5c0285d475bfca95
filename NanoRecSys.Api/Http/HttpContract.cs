using System.Text.Json;
using System.Text.Json.Serialization;

namespace NanoRecSys.Api;

/// <summary>What all endpoints share: JSON conventions, the size of a body, the OpenAPI document.</summary>
internal static class HttpContract
{
    // The largest body that makes sense, a session of some thousand movie ids, fits in a fraction of this.
    private const long MaxBodyBytes = 64 * 1024;

    public static void AddHttpContract(this WebApplicationBuilder builder)
    {
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = MaxBodyBytes;
            kestrel.AddServerHeader = false;
        });
        builder.Services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, ApiJson.Default);
            json.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            json.SerializerOptions.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        });
    }
}
