using System.Text.Json.Serialization;
using NanoRecSys.Training.Commands;
using NanoRecSys.Training.Indexing.Ann;

namespace NanoRecSys.Training.Pipeline;

/// <summary>JSON that only training reads, with the conventions of <see cref="Core.CoreJson"/>: on one line with <c>--json</c>, <see cref="Indented"/> in files.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(RunRecord))]
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
[JsonSerializable(typeof(RecommendSummary))]
[JsonSerializable(typeof(ScrubResult))]
internal sealed partial class TrainingJson : JsonSerializerContext
{
    public static TrainingJson Indented => field ??= new(new JsonSerializerOptions(Default.Options) { WriteIndented = true });

    public static void Write<T>(string path, T value) => AtomicFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(value, typeof(T), Indented));

    /// <returns>Null if there is no file.</returns>
    /// <exception cref="JsonException">It is damaged.</exception>
    public static T? Read<T>(string path)
        where T : class =>
        File.Exists(path) ? (T?)JsonSerializer.Deserialize(File.ReadAllBytes(path), typeof(T), Indented) : null;

    /// <summary>The same, for a file that another command writes.</summary>
    public static T ReadRequired<T>(string path, string command)
        where T : class
    {
        try
        {
            return Read<T>(path) ?? throw new UserErrorException($"There is no {path}. Run '{command}' first, with the same --data and --artifacts.");
        }
        catch (JsonException e)
        {
            throw new UserErrorException($"{path} cannot be read: {e.Message} Run '{command}' again.", e);
        }
    }
}
