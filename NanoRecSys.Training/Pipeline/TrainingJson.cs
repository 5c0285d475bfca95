using System.Text.Json.Serialization;
using NanoRecSys.Training.Baselines;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;
using NanoRecSys.Training.Import;
using NanoRecSys.Training.Indexing;
using NanoRecSys.Training.Indexing.Ann;
using NanoRecSys.Training.Ranking;
using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.Training.Pipeline;

/// <summary>JSON of the files that only training reads: the conventions of <see cref="Core.CoreJson"/>.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectRequiredConstructorParameters = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    UseStringEnumConverter = true,
    WriteIndented = true)]
[JsonSerializable(typeof(DatasetSummary))]
[JsonSerializable(typeof(HeldOutItems))]
[JsonSerializable(typeof(TrainingState))]
[JsonSerializable(typeof(RankerModel))]
[JsonSerializable(typeof(RankerTrainingState))]
[JsonSerializable(typeof(MatrixFactorizationOptions))]
[JsonSerializable(typeof(MlpUserTowerOptions))]
[JsonSerializable(typeof(AnnReport))]
internal sealed partial class TrainingJson : JsonSerializerContext;

/// <summary>What verbs end in with <c>--json</c>: the same conventions, on one line.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(DatasetSummary))]
[JsonSerializable(typeof(EpochEstimate))]
[JsonSerializable(typeof(TestEvaluation))]
[JsonSerializable(typeof(TrainRetrieverSummary))]
[JsonSerializable(typeof(MineNegativesSummary))]
[JsonSerializable(typeof(TrainRankerSummary))]
[JsonSerializable(typeof(ImportSummary))]
[JsonSerializable(typeof(TrainBaselineSummary))]
[JsonSerializable(typeof(AnnReport))]
[JsonSerializable(typeof(ExpandSummary))]
internal sealed partial class TrainingJsonLines : JsonSerializerContext;
