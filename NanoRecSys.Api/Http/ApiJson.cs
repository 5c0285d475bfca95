using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace NanoRecSys.Api.Http;

/// <summary>JSON of the HTTP interface: snake_case, fields without a value are omitted.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(RecommendRequest))]
[JsonSerializable(typeof(SessionRequest))]
[JsonSerializable(typeof(RecommendResponse))]
[JsonSerializable(typeof(EventRequest))]
[JsonSerializable(typeof(EventBatch))]
[JsonSerializable(typeof(EventReceipt))]
[JsonSerializable(typeof(EventsDeleted))]
[JsonSerializable(typeof(EventList))]
[JsonSerializable(typeof(ItemRequest))]
[JsonSerializable(typeof(ItemReceipt))]
[JsonSerializable(typeof(ModelList))]
[JsonSerializable(typeof(ModelChange))]
[JsonSerializable(typeof(StatusDocument))]
[JsonSerializable(typeof(HostReport))]
[JsonSerializable(typeof(TrainingStatus))]
[JsonSerializable(typeof(TrainingRuns))]
[JsonSerializable(typeof(TelemetrySnapshot))]
[JsonSerializable(typeof(OutcomeReport))]
[JsonSerializable(typeof(UserList))]
[JsonSerializable(typeof(UserHistoryResponse))]
[JsonSerializable(typeof(UserLists))]
[JsonSerializable(typeof(ItemList))]
[JsonSerializable(typeof(ItemDeleted))]
[JsonSerializable(typeof(RecommendationsRequest))]
[JsonSerializable(typeof(RecommendationsResponse))]
[JsonSerializable(typeof(PreviewRequest))]
[JsonSerializable(typeof(RuleDocument))]
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(CatalogOverview))]
[JsonSerializable(typeof(ItemDetail))]
[JsonSerializable(typeof(ItemAudience))]
[JsonSerializable(typeof(ItemMap))]
[JsonSerializable(typeof(DataOverview))]
[JsonSerializable(typeof(Manifest))]
[JsonSerializable(typeof(string[]))]
[JsonSerializable(typeof(FieldErrors))]
[JsonSerializable(typeof(NotReadyError))]
[JsonSerializable(typeof(PlainError))]
internal sealed partial class ApiJson : JsonSerializerContext;
