using System.Diagnostics;

namespace NanoRecSys.Web.Client;

/// <summary>Traces each call that a visitor causes, and times those that ask for something to be computed.</summary>
internal sealed class ApiCallTimer(ApiCalls calls, TimeProvider time) : DelegatingHandler
{
    private const string RequestIdHeader = "X-Request-Id";

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using Activity? span = WebTracing.StartCall(request.RequestUri);
        if (request.Method != HttpMethod.Post)
        {
            return await base.SendAsync(request, cancellationToken);
        }

        DateTimeOffset started = time.GetUtcNow();
        long began = time.GetTimestamp();
        HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
        if (response.Headers.TryGetValues(RequestIdHeader, out IEnumerable<string>? ids))
        {
            calls.Add(ids.First(), new ApiCall(started, time.GetElapsedTime(began).TotalMilliseconds));
        }

        return response;
    }
}
