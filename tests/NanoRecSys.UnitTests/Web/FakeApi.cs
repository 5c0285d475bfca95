using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Options;
using NanoRecSys.Web.Client;

namespace NanoRecSys.UnitTests.Web;

/// <summary>An API that answers what a test taught it, and 404 to everything else.</summary>
internal sealed class FakeApi : HttpMessageHandler
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    private readonly ConcurrentDictionary<string, Func<Asked, Task<(HttpStatusCode Status, string Body)>>> _answers = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<Asked> _asked = [];

    public IReadOnlyList<Asked> Asked => [.. _asked]; // what it was asked, in order

    /// <param name="call">Method and path, without the query: <c>GET /users</c>.</param>
    public FakeApi On(string call, object answer) => On(call, _ => (HttpStatusCode.OK, JsonSerializer.Serialize(answer, Json)));

    public FakeApi On(string call, Func<Asked, (HttpStatusCode Status, string Body)> answer)
    {
        _answers[call] = asked => Task.FromResult(answer(asked));
        return this;
    }

    /// <summary>Fails with a sentence.</summary>
    public FakeApi Fails(string call, HttpStatusCode status, string detail) =>
        On(call, _ => (status, JsonSerializer.Serialize(new { detail }, Json)));

    /// <summary>Answers when the result is completed, not before.</summary>
    public TaskCompletionSource<object> Holds(string call)
    {
        TaskCompletionSource<object> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _answers[call] = async _ => (HttpStatusCode.OK, JsonSerializer.Serialize(await answer.Task, Json));
        return answer;
    }

    public RecommenderClient Client(ApiOptions? options = null) =>
        new(new HttpClient(this, disposeHandler: false) { BaseAddress = new Uri("http://api") }, options is null ? null : Options.Create(options));

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        string body = request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken);
        string? key = request.Headers.TryGetValues("X-Api-Key", out IEnumerable<string>? keys) ? keys.Single() : null;
        var asked = new Asked($"{request.Method} {request.RequestUri!.AbsolutePath}", request.RequestUri.Query, body, key);
        _asked.Enqueue(asked);
        (HttpStatusCode status, string answer) = _answers.TryGetValue(asked.Call, out Func<Asked, Task<(HttpStatusCode, string)>>? known)
            ? await known(asked).WaitAsync(cancellationToken)
            : (HttpStatusCode.NotFound, $$"""{"detail":"{{asked.Call}} is not known here."}""");
        return new HttpResponseMessage(status) { Content = new StringContent(answer, Encoding.UTF8, "application/json") };
    }
}

/// <param name="Query">With its question mark; empty where there is none.</param>
/// <param name="Body">Empty where there is none.</param>
/// <param name="Key">Of the header <c>X-Api-Key</c>.</param>
internal sealed record Asked(string Call, string Query, string Body, string? Key);
