using System.Net;
using System.Text.Json;

namespace NanoRecSys.Client;

/// <summary>Why a call to the API failed.</summary>
public enum ApiFailure
{
    /// <summary>The API did not answer in time or at all.</summary>
    Away,

    /// <summary>The API answered 503: it has no model to serve, or its store does not answer.</summary>
    NotReady,

    /// <summary>The API answered 401 or 403: the key is missing or wrong.</summary>
    KeyNeeded,

    /// <summary>The API answered 404: there is no such user, item or version.</summary>
    NotFound,

    /// <summary>The API answered with another error.</summary>
    Refused,
}

/// <summary>A call to the API failed; the message can be shown to users.</summary>
public sealed class ApiException(ApiFailure failure, string message, Exception? innerException = null) : Exception(message, innerException)
{
    public ApiFailure Failure { get; } = failure;

    /// <summary>
    /// All messages in an error body: <c>detail</c> is a sentence, a list of field errors (<c>msg</c>), or an object with
    /// <c>errors</c> and <c>warnings</c>. Empty if there is none.
    /// </summary>
    public static IReadOnlyList<string> Sentences(string body)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(body);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("detail", out JsonElement detail)
                ? [.. SentencesOf(detail)]
                : [];
        }
        catch (JsonException)
        {
            return [];
        }
    }

    internal static ApiFailure FailureOf(HttpStatusCode status) => status switch
    {
        HttpStatusCode.ServiceUnavailable => ApiFailure.NotReady,
        HttpStatusCode.NotFound => ApiFailure.NotFound,
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => ApiFailure.KeyNeeded,
        _ => ApiFailure.Refused,
    };

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
