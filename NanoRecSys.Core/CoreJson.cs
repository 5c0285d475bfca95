using System.Text.Json.Serialization;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Evaluation;
using NanoRecSys.Core.Progress;

namespace NanoRecSys.Core;

/// <summary>JSON of the files that training writes and serving reads: snake_case, indented.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    WriteIndented = true)]
[JsonSerializable(typeof(Manifest))]
[JsonSerializable(typeof(List<EvaluationResult>))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
internal sealed partial class CoreJson : JsonSerializerContext;

/// <summary>JSON Lines: the same conventions, one object a line.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(ProgressEvent))]
internal sealed partial class CoreJsonLines : JsonSerializerContext;
