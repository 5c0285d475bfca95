using System.Text.Json.Serialization;

namespace NanoRecSys.Api.Recommendations;

/// <summary>The stored form of an answer; see <see cref="CacheKey"/> before changing it.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Answer))]
internal sealed partial class CacheJson : JsonSerializerContext;
