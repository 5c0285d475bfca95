using System.Diagnostics;
using System.Net.Http.Headers;

namespace NanoRecSys.Benchmarks.Load;

/// <summary>One <c>POST /recommend</c>, its answer read to the end.</summary>
internal static class RecommendCall
{
    private static readonly MediaTypeHeaderValue Json = new("application/json");

    private static ReadOnlySpan<byte> FromCache => "\"served_from_cache\":true"u8;

    /// <param name="http">Client of the API.</param>
    /// <param name="body">JSON.</param>
    /// <param name="scheduled">Timestamp that latency counts from.</param>
    /// <param name="outcomes">Receives the result.</param>
    /// <param name="cancellationToken">Ends the run.</param>
    public static async Task SendAsync(HttpClient http, byte[] body, long scheduled, Outcomes outcomes, CancellationToken cancellationToken)
    {
        try
        {
            using ByteArrayContent content = new(body);
            content.Headers.ContentType = Json;
            using HttpResponseMessage response = await http.PostAsync(new Uri("/recommend", UriKind.Relative), content, cancellationToken);
            byte[] answer = await response.Content.ReadAsByteArrayAsync(cancellationToken);
            outcomes.Add(response.StatusCode, Stopwatch.GetElapsedTime(scheduled), answer.AsSpan().IndexOf(FromCache) >= 0);
        }
        catch (HttpRequestException)
        {
            outcomes.AddFailure();
        }
    }
}
