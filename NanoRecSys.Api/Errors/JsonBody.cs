using System.Text.Json;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Errors;

/// <summary>Takes the JSON object out of a request's body; what is wrong with it becomes a field error.</summary>
internal static class JsonBody
{
    // A name that stands twice has two meanings; the original takes the last, so its calls do.
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    /// <summary>For the original's calls: unknown fields are ignored.</summary>
    public static ValueTask<BodyFields> ReadAsync(HttpRequest request, CancellationToken cancellationToken) =>
        ReadAsync(request, default, cancellationToken);

    /// <summary>For calls that are ours: no name twice, and <see cref="BodyFields.ForbidOthers"/> is to be called.</summary>
    public static ValueTask<BodyFields> ReadStrictAsync(HttpRequest request, CancellationToken cancellationToken) =>
        ReadAsync(request, Strict, cancellationToken);

    private static async ValueTask<BodyFields> ReadAsync(HttpRequest request, JsonDocumentOptions options, CancellationToken cancellationToken)
    {
        try
        {
            using JsonDocument document = await JsonDocument.ParseAsync(request.Body, options, cancellationToken);
            return BodyFields.Parse(WithReadableNames(document.RootElement.Clone()));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return BodyFields.Invalid(new FieldError(["body"], $"JSON decode error: {e.Message}", "json_invalid"));
        }
    }

    /// <exception cref="InvalidOperationException">A name holds half a surrogate pair, escaped: valid JSON, but no text.</exception>
    private static JsonElement WithReadableNames(JsonElement element)
    {
        // Read here, where it is an error of the body: a look-up of another name would read it, too.
        if (element.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty field in element.EnumerateObject())
            {
                _ = field.Name;
                WithReadableNames(field.Value);
            }
        }
        else if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement item in element.EnumerateArray())
            {
                WithReadableNames(item);
            }
        }

        return element;
    }
}
