using System.Text.Json.Serialization;
using NanoRecSys.Core.Artifacts;

namespace NanoRecSys.Training.Export;

/// <summary>
/// What <c>export</c> made and how far it strays from what was trained: <c>parity.json</c>, written last, so
/// that without it nothing in the folder can be published.
/// </summary>
/// <param name="Model">The user tower's configuration.</param>
/// <param name="RetrieverSha256">Of the weights that were exported: newer ones need another export.</param>
/// <param name="Parity">By exported file.</param>
/// <param name="RankerSha256">Of the ranker's weights; null where none was trained.</param>
/// <param name="ContentMap">Null where no data was prepared to fit it to.</param>
public sealed record ExportReport(
    ModelInfo Model, string RetrieverSha256, IReadOnlyDictionary<string, ParityInfo> Parity, string? RankerSha256 = null, ContentMapInfo? ContentMap = null)
{
    /// <summary>Null where no ranker was exported.</summary>
    public RankerPartsInfo? RankerParts { get; init; }
}

/// <summary>JSON of the files that export, index and publish hand to each other.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    WriteIndented = true)]
[JsonSerializable(typeof(ExportReport))]
[JsonSerializable(typeof(IndexInfo))]
internal sealed partial class ExportJson : JsonSerializerContext;

/// <summary>What the verbs end in with <c>--json</c>: the same conventions, on one line.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ExportReport))]
[JsonSerializable(typeof(IndexInfo))]
[JsonSerializable(typeof(PublishSummary))]
[JsonSerializable(typeof(StateDictionarySummary))]
internal sealed partial class ExportJsonLines : JsonSerializerContext;
