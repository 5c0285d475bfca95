using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace NanoRecSys.EndToEndTests.Fixtures;

/// <summary>The pages' server alone, without an API, so that it can be killed and started again at its address.</summary>
internal sealed class PageServer : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(10) };
    private readonly ConcurrentQueue<string?> _output = [];
    private Process? _process;

    public PageServer() => Address = new Uri($"http://127.0.0.1:{FreePort()}");

    public Uri Address { get; }

    /// <summary>Returns when it answers.</summary>
    public async Task StartAsync()
    {
        _process = new Process
        {
            StartInfo = new ProcessStartInfo("dotnet", [BuiltStack.Web]) { RedirectStandardOutput = true, RedirectStandardError = true },
        };
        _process.StartInfo.Environment["ASPNETCORE_URLS"] = Address.ToString();
        _process.StartInfo.Environment["services__api__http__0"] = "http://127.0.0.1:9"; // nobody listens there
        _process.OutputDataReceived += (_, line) => _output.Enqueue(line.Data); // read, so that it never waits for a reader
        _process.ErrorDataReceived += (_, line) => _output.Enqueue(line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        var waited = Stopwatch.StartNew();
        while (!await AnswersAsync())
        {
            Assert.True(waited.Elapsed < Patience && !_process.HasExited, $"The page's server does not answer.\n{string.Join('\n', _output)}");
            await Task.Delay(TimeSpan.FromMilliseconds(50));
        }
    }

    /// <summary>Without a farewell to its visitors.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _process = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await KillAsync();
        }

        _http.Dispose();
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            using HttpResponseMessage response = await _http.GetAsync(new Uri(Address, "/health"));
            return response.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return false;
        }
    }

    // Below the ports that outgoing connections are given, so that none takes it while the server is away.
    private static int FreePort()
    {
        while (true)
        {
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, Random.Shared.Next(20_000, 32_000));
                listener.Start();
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            }
            catch (SocketException)
            {
                // Taken; another is drawn.
            }
        }
    }
}
