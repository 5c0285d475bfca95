using System.Text.Json.Serialization;
using NanoRecSys.Training.Indexing.Ann;

namespace NanoRecSys.Training.Pipeline;

/// <summary>JSON that only training reads, by the conventions of <see cref="Core.CoreJson"/>: on one line with <c>--json</c>, <see cref="Indented"/> in files.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(DatasetSummary))]
[JsonSerializable(typeof(DataReport))]
[JsonSerializable(typeof(HeldOutItems))]
[JsonSerializable(typeof(EpochEstimate))]
[JsonSerializable(typeof(TrainingState<TrainRetrieverOptions>))]
[JsonSerializable(typeof(TrainRetrieverSummary))]
[JsonSerializable(typeof(RefitSummary))]
[JsonSerializable(typeof(MineNegativesSummary))]
[JsonSerializable(typeof(RankerModel))]
[JsonSerializable(typeof(TrainingState<TrainRankerOptions>))]
[JsonSerializable(typeof(TrainRankerSummary))]
[JsonSerializable(typeof(MatrixFactorizationOptions))]
[JsonSerializable(typeof(EaseOptions))]
[JsonSerializable(typeof(MlpUserTowerOptions))]
[JsonSerializable(typeof(TrainBaselineSummary))]
[JsonSerializable(typeof(ImportSummary))]
[JsonSerializable(typeof(RaceOutcome))]
[JsonSerializable(typeof(FinalFitSummary))]
[JsonSerializable(typeof(TestEvaluation))]
[JsonSerializable(typeof(SavedMetrics))]
[JsonSerializable(typeof(ExportReport))]
[JsonSerializable(typeof(StateDictionarySummary))]
[JsonSerializable(typeof(IndexInfo))]
[JsonSerializable(typeof(AnnReport))]
[JsonSerializable(typeof(ExpandSummary))]
[JsonSerializable(typeof(PublishSummary))]
internal sealed partial class TrainingJson : JsonSerializerContext
{
    public static TrainingJson Indented => field ??= new(new JsonSerializerOptions(Default.Options) { WriteIndented = true });
}
