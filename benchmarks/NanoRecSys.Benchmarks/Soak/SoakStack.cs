using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace NanoRecSys.Benchmarks.Soak;

/// <summary>A Redis that keeps a log, and the API, as processes that can be killed and frozen.</summary>
internal sealed class SoakStack : IDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("nanorecsys-soak-").FullName;
    private readonly int _redisPort = FreePort();
    private readonly Process _api;
    private Process _redis;

    public SoakStack(SoakOptions options)
    {
        _redis = StartRedis();
        Address = new Uri($"http://127.0.0.1:{FreePort()}");
        var start = new ProcessStartInfo("dotnet", [options.Api]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Path.GetDirectoryName(options.Api) };
        start.Environment["ASPNETCORE_URLS"] = Address.ToString();
        start.Environment["Artifacts__Path"] = options.Artifacts;
        start.Environment["ConnectionStrings__cache"] = $"127.0.0.1:{_redisPort}";
        start.Environment["Logging__LogLevel__Default"] = "Error";
        _api = Drained(start, line => LastWords = line);
    }

    public Uri Address { get; }

    /// <summary>Of the API, where it had any.</summary>
    public string? LastWords { get; private set; }

    public bool IsAlive => !_api.HasExited;

    /// <summary>The API's resident memory.</summary>
    public long ApiBytes()
    {
        _api.Refresh();
        return _api.WorkingSet64;
    }

    /// <exception cref="TimeoutException">Not within a minute.</exception>
    public async Task WaitUntilReadyAsync(HttpClient http, CancellationToken cancellationToken)
    {
        var waited = Stopwatch.StartNew();
        while (waited.Elapsed < StartLimit && IsAlive)
        {
            try
            {
                using HttpResponseMessage response = await http.GetAsync(new Uri("/readyz", UriKind.Relative), cancellationToken);
                if (response.IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
            }

            await Task.Delay(100, cancellationToken);
        }

        throw new TimeoutException($"The API is not ready after {StartLimit.TotalSeconds:0} s. {LastWords}");
    }

    public void KillRedis()
    {
        _redis.Kill();
        _redis.WaitForExit();
        _redis.Dispose();
    }

    public void RestartRedis() => _redis = StartRedis();

    public void FreezeRedis() => Signal("-STOP");

    public void ThawRedis() => Signal("-CONT");

    public void Dispose()
    {
        foreach (Process process in new[] { _api, _redis })
        {
            process.Kill();
            process.WaitForExit();
            process.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private Process StartRedis() => Drained(new ProcessStartInfo(
        "redis-server",
        ["--port", _redisPort.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--dir", _folder,
            "--maxmemory", "256mb", "--maxmemory-policy", "volatile-lru"])
    { RedirectStandardOutput = true, RedirectStandardError = true }, _ => { });

    private void Signal(string signal)
    {
        using Process kill = Process.Start("kill", [signal, _redis.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    private static Process Drained(ProcessStartInfo start, Action<string> read)
    {
        Process process = new() { StartInfo = start };
        process.OutputDataReceived += (_, line) => Pass(line.Data);
        process.ErrorDataReceived += (_, line) => Pass(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;

        void Pass(string? line)
        {
            if (line is not null)
            {
                read(line);
            }
        }
    }

    // Below the ports that outgoing connections are given, so that none takes it before the server does.
    private static int FreePort()
    {
        while (true)
        {
            int port = Random.Shared.Next(20_000, 32_000);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken; another is drawn.
            }
        }
    }
}
