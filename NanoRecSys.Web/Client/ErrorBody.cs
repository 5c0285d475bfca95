using System.Text.Json;

namespace NanoRecSys.Web.Client;

/// <summary>
/// The API's error shapes: <c>detail</c> is a sentence, a list of field errors (<c>msg</c>), or an object
/// with <c>errors</c> and <c>warnings</c>.
/// </summary>
public static class ErrorBody
{
    /// <summary>Every sentence for people in the body; empty where there is none.</summary>
    public static IReadOnlyList<string> Sentences(string body)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(body);
            return document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("detail", out JsonElement detail)
                    ? [.. SentencesOf(detail)]
                    : [];
        }
        catch (JsonException)
        {
            return [];
        }
    }

    private static IEnumerable<string> SentencesOf(JsonElement detail) => detail.ValueKind switch
    {
        JsonValueKind.String => [detail.GetString()!],
        JsonValueKind.Array => detail.EnumerateArray().SelectMany(SentencesOf),
        JsonValueKind.Object when detail.TryGetProperty("msg", out JsonElement message) => SentencesOf(message),
        JsonValueKind.Object => Property(detail, "errors").Concat(Property(detail, "warnings")),
        _ => [],
    };

    private static IEnumerable<string> Property(JsonElement detail, string name) =>
        detail.TryGetProperty(name, out JsonElement list) ? SentencesOf(list) : [];
}
