using System.Collections.Concurrent;
using NanoRecSys.AppHost;

namespace NanoRecSys.EndToEndTests.Fixtures;

/// <summary>The pages' server alone, without an API, so that it can be killed and restarted at the same address.</summary>
internal sealed class PageServer : IAsyncDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(3);

    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(10) };
    private readonly Ports _ports = new();
    private readonly ConcurrentQueue<string?> _output = [];
    private Process? _process;

    // Below the ephemeral ports, so that no outgoing connection takes it while the server is down.
    public PageServer() => Address = new Uri($"http://127.0.0.1:{_ports.Next(Random.Shared.Next(20_000, 32_000))}");

    public Uri Address { get; }

    /// <summary>Starts the server and waits until it answers.</summary>
    public async Task StartAsync()
    {
        _process = new Process
        {
            StartInfo = new ProcessStartInfo("dotnet", [BuiltStack.Web]) { RedirectStandardOutput = true, RedirectStandardError = true },
        };
        _process.StartInfo.Environment["ASPNETCORE_URLS"] = Address.ToString();
        _process.StartInfo.Environment["services__api__http__0"] = "http://127.0.0.1:9"; // nothing listens there
        _process.OutputDataReceived += (_, line) => _output.Enqueue(line.Data); // drained, so that the server never blocks on a full pipe
        _process.ErrorDataReceived += (_, line) => _output.Enqueue(line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        var waited = Stopwatch.StartNew();
        while (!await AnswersAsync())
        {
            Assert.True(waited.Elapsed < Timeout && !_process.HasExited, $"The pages' server does not answer.\n{string.Join('\n', _output)}");
            await Task.Delay(TimeSpan.FromMilliseconds(50));
        }
    }

    /// <summary>Kills the server without notifying its visitors.</summary>
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
        _ports.Dispose();
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
}
