using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace NanoRecSys.Benchmarks.Stack;

/// <summary>
/// A Redis with an append-only file, API processes on one artifacts folder and, after <see cref="Balance"/>, HAProxy in front of them. All of
/// them listen on free loopback ports, and each can be killed.
/// </summary>
internal sealed class LocalStack : IDisposable
{
    private const int MostLines = 100;
    private static readonly ConcurrentDictionary<int, int> GivenPorts = new();
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("nanorecsys-stack-").FullName;
    private readonly int _redisPort = FreePort();
    private readonly string _program;
    private readonly IReadOnlyDictionary<string, string> _settings;
    private readonly string _storeOptions;
    private readonly Process[] _apis;
    private readonly List<Process> _balancers = [];
    private readonly ConcurrentQueue<string> _logTail = new();
    private Process _redis;

    /// <param name="artifacts">Folder with a published version; copied, so that the next training does not read the test users' events.</param>
    /// <param name="program"><c>NanoRecSys.Api.dll</c>; null for the one of the same build.</param>
    /// <param name="replicas">Number of API processes.</param>
    /// <param name="settings">Additional environment variables of the APIs.</param>
    /// <param name="storeOptions">Added to the APIs' connection string, such as <c>,asyncTimeout=5000</c>.</param>
    public LocalStack(string artifacts, string? program, int replicas = 1, IReadOnlyDictionary<string, string>? settings = null, string storeOptions = "")
    {
        _storeOptions = storeOptions;
        CopyVersions(new ArtifactStore(artifacts));
        _program = program ?? FindApi();
        _settings = settings ?? new Dictionary<string, string>();
        Addresses = [.. Enumerable.Range(0, replicas).Select(_ => Local(FreePort()))];
        _redis = StartRedis();
        _apis = [.. Addresses.Select(StartApi)];
    }

    /// <summary>One per replica.</summary>
    public IReadOnlyList<Uri> Addresses { get; }

    /// <summary>The artifacts folder of the replicas.</summary>
    public string Artifacts => Path.Combine(_folder, "artifacts");

    public string Redis => $"127.0.0.1:{_redisPort}";

    /// <summary>The latest lines of the APIs' logs: errors, and startup failures.</summary>
    public string LogTail => string.Join('\n', _logTail);
    public TimeSpan ApiTime => TimeOf(_apis);
    public TimeSpan BalancerTime => TimeOf(_balancers);
    public TimeSpan RedisTime => TimeOf([_redis]);

    public long ApiBytes()
    {
        _apis[0].Refresh();
        return _apis[0].WorkingSet64;
    }

    /// <summary>Starts HAProxy with the configuration in <c>deploy</c> in front of the first replicas.</summary>
    /// <param name="replicas">Number of replicas.</param>
    /// <param name="configuration">The text of <c>deploy/haproxy.cfg</c>.</param>
    /// <returns>Its address.</returns>
    public Uri Balance(int replicas, string configuration)
    {
        Uri address = Local(FreePort());
        string path = Path.Combine(_folder, $"haproxy-{replicas}.cfg");
        IEnumerable<string> servers = Addresses.Take(replicas).Select((api, number) => $"    server api-{number + 1} {api.Authority}");
        File.WriteAllLines(path,
        [
            .. configuration.Split('\n').Where(line => !line.StartsWith("    server ", StringComparison.Ordinal))
                .Select(line => line.StartsWith("    bind ", StringComparison.Ordinal) ? $"    bind {address.Authority}" : line),
            .. servers,
        ]);
        _balancers.Add(Start(new ProcessStartInfo("haproxy", ["-db", "-q", "-f", path]), _ => { }));
        return address;
    }

    /// <exception cref="TimeoutException">Not ready within a minute.</exception>
    public async Task WaitUntilReadyAsync(Uri address, CancellationToken cancellationToken)
    {
        using HttpClient http = new() { BaseAddress = address };
        var waited = Stopwatch.StartNew();
        while (waited.Elapsed < StartLimit && _apis.Any(api => !api.HasExited))
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

        throw new TimeoutException($"{address} is not ready after {StartLimit.TotalSeconds:0} s. {LogTail}");
    }

    public void KillApi(int replica) => Kill(_apis[replica]);

    public void RestartApi(int replica) => _apis[replica] = StartApi(Addresses[replica]);

    /// <summary>Sends SIGTERM, and waits for exit.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> TerminateApiAsync(int replica, CancellationToken cancellationToken)
    {
        Signal(_apis[replica], "-TERM");
        await _apis[replica].WaitForExitAsync(cancellationToken);
        return _apis[replica].ExitCode;
    }

    public void KillRedis() => Kill(_redis);

    public void RestartRedis() => _redis = StartRedis();

    public void FreezeRedis() => Signal(_redis, "-STOP");

    public void ThawRedis() => Signal(_redis, "-CONT");

    public void Dispose()
    {
        foreach (Process process in (Process[])[.. _balancers, .. _apis, _redis])
        {
            Kill(process);
            process.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private void CopyVersions(ArtifactStore store)
    {
        foreach (string file in Directory.EnumerateFiles(store.VersionsFolder, "*", SearchOption.AllDirectories).Append(store.CurrentFile))
        {
            string copy = Path.Combine(Artifacts, Path.GetRelativePath(store.Root, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    private Process StartApi(Uri address)
    {
        var start = new ProcessStartInfo("dotnet", [_program]) { WorkingDirectory = Path.GetDirectoryName(_program) };
        start.Environment["ASPNETCORE_URLS"] = address.ToString();
        start.Environment["Artifacts__Path"] = Artifacts;
        start.Environment["ConnectionStrings__cache"] = Redis + _storeOptions;
        start.Environment["Logging__LogLevel__Default"] = "Error";
        foreach ((string name, string value) in _settings)
        {
            start.Environment[name] = value;
        }

        return Start(start, line =>
        {
            _logTail.Enqueue(line);
            if (_logTail.Count > MostLines)
            {
                _logTail.TryDequeue(out _);
            }
        });
    }

    private Process StartRedis() => Start(
        new ProcessStartInfo("redis-server",
        [
            "--port", $"{_redisPort}", "--bind", "127.0.0.1", "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--dir", _folder,
            "--maxmemory", "1gb", "--maxmemory-policy", "volatile-lru",
        ]),
        _ => { });

    private static Process Start(ProcessStartInfo start, Action<string> read)
    {
        start.RedirectStandardOutput = start.RedirectStandardError = true;
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

    private static void Kill(Process process)
    {
        process.Kill();
        process.WaitForExit();
    }

    private static void Signal(Process process, string signal)
    {
        using Process kill = Process.Start("kill", [signal, $"{process.Id}"]);
        kill.WaitForExit();
    }

    private static TimeSpan TimeOf(IEnumerable<Process> processes) => processes.Aggregate(TimeSpan.Zero, (sum, process) =>
    {
        process.Refresh();
        return sum + process.TotalProcessorTime;
    });

    // Next to this program if a test's output contains both.
    private static string FindApi()
    {
        string beside = Path.Combine(AppContext.BaseDirectory, "NanoRecSys.Api.dll");
        return File.Exists(beside) ? beside : Built("NanoRecSys.Api");
    }

    /// <summary>The program of another project, in its output folder of the same build.</summary>
    public static string Built(string project)
    {
        string configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        return Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "..", "..", project, "bin", configuration, "net10.0", $"{project}.dll"));
    }

    private static Uri Local(int port) => new($"http://127.0.0.1:{port}");

    /// <summary>Below the ephemeral ports, so that no outgoing connection takes it before the server does, and never the same twice in a process.</summary>
    public static int FreePort()
    {
        while (true)
        {
            int port = Random.Shared.Next(20_000, 32_000);
            if (!GivenPorts.TryAdd(port, port))
            {
                continue;
            }

            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken; try another one.
            }
        }
    }
}
