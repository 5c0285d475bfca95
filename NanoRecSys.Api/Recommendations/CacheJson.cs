using System.Text.Json.Serialization;

namespace NanoRecSys.Api.Recommendations;

/// <summary>The two parts of a response; see <see cref="CacheKey"/> before changing the answer's.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Answer))]
[JsonSerializable(typeof(RequestPart))]
internal sealed partial class CacheJson : JsonSerializerContext;
