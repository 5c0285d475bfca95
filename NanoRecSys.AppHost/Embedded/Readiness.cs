namespace NanoRecSys.AppHost.Embedded;

/// <summary>Asks an address until it answers with success.</summary>
internal sealed class Readiness : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(30) }; // all on this machine

    public async Task WaitAsync(string url, CancellationToken cancellation)
    {
        while (!await AnswersAsync(url, cancellation))
        {
            await Task.Delay(Interval, cancellation);
        }
    }

    public void Dispose() => _client.Dispose();

    private async Task<bool> AnswersAsync(string url, CancellationToken cancellation)
    {
        try
        {
            using HttpResponseMessage response = await _client.GetAsync(url, cancellation);
            return response.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException || (e is TaskCanceledException && !cancellation.IsCancellationRequested))
        {
            return false; // Not listening yet, or too slow.
        }
    }
}
