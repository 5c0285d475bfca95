using NanoRecSys.Core.Events;
using NanoRecSys.Core.Features;
using NanoRecSys.Core.Items;

namespace NanoRecSys.Core;

/// <summary>JSON written by training and read by serving, in snake_case: on one line for JSON Lines, <see cref="Indented"/> for files.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(Manifest))]
[JsonSerializable(typeof(List<EvaluationResult>))]
[JsonSerializable(typeof(ContentLayout))]
[JsonSerializable(typeof(ItemLayout))]
[JsonSerializable(typeof(ProgressEvent))]
[JsonSerializable(typeof(WatchStatus))]
[JsonSerializable(typeof(IReadOnlyDictionary<string, AttributeValue>))]
internal sealed partial class CoreJson : JsonSerializerContext
{
    public static CoreJson Indented => field ??= new(new JsonSerializerOptions(Default.Options) { WriteIndented = true });
}

/// <summary>JSON in Redis, in snake_case. Unlike in <see cref="CoreJson"/>, an absent field is null.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(UserEvent))]
[JsonSerializable(typeof(ItemRecord))]
[JsonSerializable(typeof(OldRecord))]
internal sealed partial class StoredJson : JsonSerializerContext;
