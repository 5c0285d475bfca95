using System.Text.Json;
using System.Text.Json.Serialization;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Telemetry.Replicas;

/// <summary>A message: what one replica answered in one second.</summary>
/// <param name="Replica">A process's name for itself, new with each start.</param>
/// <param name="Figures">Of the second.</param>
/// <param name="Newest">Some of its last requests, newest first.</param>
/// <param name="Load">What it computes now.</param>
internal sealed record ReplicaSecond(string Replica, SlotFigures Figures, IReadOnlyList<RequestTrace> Newest, ComputeLoad Load)
{
    public byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, ReplicaJson.Default.ReplicaSecond);

    /// <returns>Null where it is no such message, as one of another version of this program may be.</returns>
    public static ReplicaSecond? Read(ReadOnlySpan<byte> message)
    {
        try
        {
            return JsonSerializer.Deserialize(message, ReplicaJson.Default.ReplicaSecond);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(ReplicaSecond))]
internal sealed partial class ReplicaJson : JsonSerializerContext;
