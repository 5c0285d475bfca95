using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;

namespace NanoRecSys.Api.Recommendations;

/// <summary>
/// Reads the body that nearly every request has, <c>{"user_id": 1, "k": 10}</c>, where it lies, without making a document
/// of it. Whatever else there is, or anything wrong, is left unread for <see cref="QueryReader"/>, which says what.
/// </summary>
internal static class PlainQuery
{
    private const int MostBytes = 256;

    /// <returns>Null where the body is any other.</returns>
    public static async ValueTask<RecommendationQuery?> TryReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (request.ContentLength is not (> 0 and <= MostBytes) || !request.HasJsonContentType())
        {
            return null;
        }

        PipeReader reader = request.BodyReader;
        ReadResult read = await reader.ReadAsync(cancellationToken);
        RecommendationQuery? query = read.Buffer.Length == request.ContentLength ? Parse(read.Buffer) : null;
        reader.AdvanceTo(query is null ? read.Buffer.Start : read.Buffer.End);
        return query;
    }

    internal static RecommendationQuery? Parse(ReadOnlySequence<byte> body)
    {
        int? user = null;
        int k = QueryReader.DefaultK;
        var reader = new Utf8JsonReader(body);
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return null;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                bool isUser = reader.ValueTextEquals("user_id"u8);
                if (!(isUser || reader.ValueTextEquals("k"u8)) || !reader.Read() || reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out int value))
                {
                    return null;
                }

                (user, k) = isUser ? (value, k) : (user, value); // of a name that stands twice the last, as elsewhere
            }

            return user is { } id && k is >= 1 and <= RecommendationQuery.MaxK && reader.TokenType == JsonTokenType.EndObject && !reader.Read()
                ? new RecommendationQuery { UserId = id, K = k }
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter of a name that is half a surrogate pair
        {
            return null;
        }
    }
}
