using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Contracts;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace NanoRecSys.Web.Client;

/// <summary>The API's calls, typed. Every call throws <see cref="ApiException"/> when it brings nothing.</summary>
public sealed class RecommenderClient(HttpClient http)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    public Task<RecommendResponse> RecommendAsync(RecommendRequest request, CancellationToken cancellation = default) =>
        SendAsync<RecommendResponse>(HttpMethod.Post, "/recommend", cancellation, JsonContent.Create(request, options: Json));

    public Task<UserList> UsersAsync(string? query, int limit, CancellationToken cancellation = default) =>
        SendAsync<UserList>(HttpMethod.Get, $"/users?query={Uri.EscapeDataString(query ?? "")}&limit={limit}", cancellation);

    public Task<UserHistoryResponse> HistoryAsync(int userId, int limit, CancellationToken cancellation = default) =>
        SendAsync<UserHistoryResponse>(HttpMethod.Get, $"/users/{userId}/history?limit={limit}", cancellation);

    public Task<TrainingStatus> TrainingAsync(CancellationToken cancellation = default) =>
        SendAsync<TrainingStatus>(HttpMethod.Get, "/training/progress", cancellation);

    /// <param name="windowSeconds">How far back to look.</param>
    /// <param name="cancellation">Ends the call.</param>
    public Task<TelemetrySnapshot> TelemetryAsync(int windowSeconds, CancellationToken cancellation = default) =>
        SendAsync<TelemetrySnapshot>(HttpMethod.Get, $"/debug/telemetry?window={windowSeconds}", cancellation);

    public Task<StatusDocument> StatusAsync(CancellationToken cancellation = default) =>
        SendAsync<StatusDocument>(HttpMethod.Get, "/debug/status", cancellation);

    public Task<Manifest> CurrentModelAsync(CancellationToken cancellation = default) =>
        SendAsync<Manifest>(HttpMethod.Get, "/models/current", cancellation);

    /// <summary>Whether it can serve; the one call that answers instead of throwing.</summary>
    public async Task<Readiness> ReadinessAsync(CancellationToken cancellation = default)
    {
        try
        {
            using HttpResponseMessage response = await AnswerAsync(HttpMethod.Get, "/readyz", null, cancellation);
            if (response.IsSuccessStatusCode)
            {
                return new Readiness(ReadinessState.Ready, await ReadAsync<StatusDocument>(response, cancellation), []);
            }

            string body = await response.Content.ReadAsStringAsync(cancellation);
            return new Readiness(ReadinessState.NotReady, null, ErrorBody.Sentences(body));
        }
        catch (ApiException e)
        {
            return new Readiness(ReadinessState.Away, null, [e.Message]);
        }
    }

    private async Task<T> SendAsync<T>(HttpMethod method, string path, CancellationToken cancellation, HttpContent? content = null)
    {
        using HttpResponseMessage response = await AnswerAsync(method, path, content, cancellation);
        if (response.IsSuccessStatusCode)
        {
            return await ReadAsync<T>(response, cancellation);
        }

        IReadOnlyList<string> sentences = ErrorBody.Sentences(await response.Content.ReadAsStringAsync(cancellation));
        string message = sentences.Count > 0 ? string.Join(" ", sentences) : $"{path} answered {(int)response.StatusCode}.";
        throw new ApiException(
            response.StatusCode == HttpStatusCode.ServiceUnavailable ? ApiFailure.NotReady : ApiFailure.Refused, message);
    }

    private async Task<HttpResponseMessage> AnswerAsync(HttpMethod method, string path, HttpContent? content, CancellationToken cancellation)
    {
        using HttpRequestMessage request = new(method, path) { Content = content };
        try
        {
            return await http.SendAsync(request, cancellation);
        }
        catch (Exception e) when (e is HttpRequestException or TimeoutRejectedException or BrokenCircuitException
            || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            throw new ApiException(ApiFailure.Away, "The API does not answer.", e);
        }
    }

    private static async Task<T> ReadAsync<T>(HttpResponseMessage response, CancellationToken cancellation)
    {
        try
        {
            return await response.Content.ReadFromJsonAsync<T>(Json, cancellation)
                ?? throw new ApiException(ApiFailure.Refused, "The API answered null.");
        }
        catch (Exception e) when (e is JsonException or HttpRequestException or IOException)
        {
            throw new ApiException(ApiFailure.Refused, $"The API's answer cannot be read: {e.Message}", e);
        }
    }
}
