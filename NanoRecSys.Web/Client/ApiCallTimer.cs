namespace NanoRecSys.Web.Client;

/// <summary>Times each call that asks for something to be computed; the polls of the live pages are not worth remembering.</summary>
internal sealed class ApiCallTimer(ApiCalls calls, TimeProvider time) : DelegatingHandler
{
    private const string RequestIdHeader = "X-Request-Id";

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
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
