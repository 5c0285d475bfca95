using System.Net;
using System.Net.Sockets;
using System.Text;

namespace NanoRecSys.Benchmarks.Soak;

/// <summary>A Redis that keeps a log, and the API, as processes that can be killed and frozen.</summary>
internal sealed class SoakStack : IDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("nanorecsys-soak-").FullName;
    private readonly int _redisPort = FreePort();
    private readonly Process _api;
    private Process _redis;

    /// <param name="store">Its versions are copied: events of made-up users must not get into the folder that the next training reads.</param>
    public SoakStack(SoakOptions options, ArtifactStore store)
    {
        CopyVersions(store);
        _redis = StartRedis();
        Address = new Uri($"http://127.0.0.1:{FreePort()}");
        var start = new ProcessStartInfo("dotnet", [options.Api]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Path.GetDirectoryName(options.Api) };
        start.Environment["ASPNETCORE_URLS"] = Address.ToString();
        start.Environment["Artifacts__Path"] = Artifacts;
        start.Environment["ConnectionStrings__cache"] = Redis;
        start.Environment["Events__MostPerUser"] = options.MostEvents.ToString(CultureInfo.InvariantCulture);
        start.Environment["Logging__LogLevel__Default"] = "Error";
        _api = Drained(start, line => LastWords = line);
    }

    public Uri Address { get; }
    public string Artifacts => Path.Combine(_folder, "artifacts");
    public string Redis => $"127.0.0.1:{_redisPort}";
    public string? LastWords { get; private set; } // the API's errors, if any
    public bool IsAlive => !_api.HasExited;

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

    private void CopyVersions(ArtifactStore store)
    {
        foreach (string file in Directory.EnumerateFiles(store.VersionsFolder, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(Artifacts, Path.GetRelativePath(store.Root, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        File.Copy(store.CurrentFile, Path.Combine(Artifacts, Path.GetFileName(store.CurrentFile)));
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

/// <summary>Lets the stack's parts fail in turn, each for a second or so, and attacks it as strangers would.</summary>
internal sealed class SoakFaults(SoakStack stack, SoakOptions options)
{
    private const int Strangers = 200;
    private const int GiantUser = 2_000_000_000;
    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(1);

    public int Count { get; private set; }

    /// <summary>Leaves the last moments of the run without a fault, so that all can recover.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var store = new ArtifactStore(stack.Artifacts);
        using var timer = new PeriodicTimer(options.FaultEvery);
        for (TimeSpan passed = options.FaultEvery; passed < options.Duration - 2 * Outage && await timer.WaitForNextTickAsync(cancellationToken); passed += options.FaultEvery)
        {
            switch (Count++ % 4)
            {
                case 0:
                    stack.KillRedis();
                    await Task.Delay(Outage, cancellationToken);
                    stack.RestartRedis();
                    break;
                case 1:
                    stack.FreezeRedis();
                    await Task.Delay(Outage, cancellationToken);
                    stack.ThawRedis();
                    break;
                case 2:
                    await AttackAsync(cancellationToken);
                    break;
                default:
                    SwapModel(store);
                    break;
            }
        }
    }

    // Connections that never finish, chunks that lie about their size, and one user whose events outgrow the bound: others must not notice.
    private async Task AttackAsync(CancellationToken cancellationToken)
    {
        List<TcpClient> strangers = [];
        string[] openings =
        [
            "GET /recommend HTTP/1.1\r\nHost: loc", "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{",
            "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n80000000\r\n",
        ];
        try
        {
            for (int i = 0; i < Strangers; i++)
            {
                TcpClient stranger = new();
                strangers.Add(stranger);
                await stranger.ConnectAsync(stack.Address.Host, stack.Address.Port, cancellationToken);
                await stranger.GetStream().WriteAsync(Encoding.ASCII.GetBytes(openings[i % openings.Length]), cancellationToken);
            }

            using HttpClient http = new() { BaseAddress = stack.Address };
            for (int i = 0; i < 8; i++)
            {
                string events = string.Join(',', Enumerable.Range(0, 500).Select(row =>
                    $$"""{"user_id": {{GiantUser}}, "movie_id": 1, "timestamp": {{Count * 10_000 + i * 500 + row}}}"""));
                using StringContent content = new($$"""{"events": [{{events}}]}""", Encoding.UTF8, "application/json");
                using HttpResponseMessage stored = await http.PostAsync(new Uri("/events", UriKind.Relative), content, cancellationToken);
            }

            await Task.Delay(Outage, cancellationToken);
        }
        catch (IOException)
        {
            // It was cut off, as it should be.
        }
        finally
        {
            strangers.ForEach(stranger => stranger.Dispose());
        }
    }

    // To another version if there is one; else to a damaged one and back.
    private static void SwapModel(ArtifactStore store)
    {
        string now = store.ReadCurrent()!;
        store.SetCurrent(store.ListVersions().FirstOrDefault(version => version != now) ?? "000000000000");
        Thread.Sleep(Outage);
        store.SetCurrent(now);
    }
}

/// <summary>
/// One client: recommendations of every kind, events of its own users, hostile bodies, and requests that it
/// abandons. It records which events were acknowledged, and checks every answer.
/// </summary>
internal sealed class SoakWorker(int number, HttpClient http, EntityId[] users, string[] movies, SoakTally tally)
{
    private const int OwnUsers = 20;
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(10);
    private static readonly string[] Hostile = ["", "{", "[]", "null", "{\"user_id\": NaN}", "{\"user_id\": 1e999}", "{\"events\": [[[[", "{\"user_id\": \"\\ud800\"}", new('[', 5000)];

    private readonly Random _random = new(number);
    private readonly int[] _stored = new int[OwnUsers]; // events acknowledged, of each own user
    private readonly string?[] _unanswered = new string?[OwnUsers]; // the event to send again
    private readonly (string RequestId, string Item)[] _shown = new (string, string)[OwnUsers]; // by the last list of each

    public long Acknowledged => _stored.Sum(count => (long)count);

    public async Task RunAsync(TimeSpan duration, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < duration)
        {
            string user = JsonSerializer.Serialize(users[_random.Next(users.Length)]);
            await (_random.Next(100) switch
            {
                < 55 => ExpectAsync("recommend", "/recommend", $$"""{"user_id": {{user}}, "k": {{_random.Next(1, 101)}}}""", [200], cancellationToken),
                < 60 => ExpectAsync("explain", "/recommend", $$"""{"user_id": {{user}}, "filters": {"exclude_ids": [1]}, "explain": true, "diversity": 0.3}""", [200], cancellationToken),
                < 70 => ExpectAsync("session", "/recommend/session", $$"""{"movie_ids": [{{string.Join(',', Enumerable.Range(0, 5).Select(_ => movies[_random.Next(movies.Length)]))}}]}""", [200], cancellationToken),
                < 85 => SendEventAsync(cancellationToken),
                < 90 => ShowListAsync(_random.Next(OwnUsers), cancellationToken),
                < 97 => ExpectAsync("hostile", _random.Next(2) == 0 ? "/events" : "/recommend", Hostile[_random.Next(Hostile.Length)], [422], cancellationToken),
                _ => LeaveAsync(user),
            });
        }
    }

    /// <summary>After the load: everything that was acknowledged is there once.</summary>
    public void Verify(Func<EntityId, int> countOf)
    {
        for (int own = 0; own < OwnUsers; own++)
        {
            int count = countOf(OwnUser(own));
            // The last one sent may be stored and its acknowledgement lost.
            if (count < _stored[own] || count > _stored[own] + 1)
            {
                tally.Violation($"User {OwnUser(own)} has {count} events, {_stored[own]} were acknowledged.");
            }
        }
    }

    private int OwnUser(int own) => 10_000_000 + number * OwnUsers + own;

    private async Task ShowListAsync(int own, CancellationToken cancellationToken)
    {
        string body = $$"""{"user_id": {{OwnUser(own)}}, "k": 20, "exclude_shown": {{_random.Next(3)}}, "surface": "soak"}""";
        (HttpStatusCode? status, string answer) = await SendAsync("own user", "/recommendations", body, [200], cancellationToken);
        if (status == HttpStatusCode.OK)
        {
            JsonElement list = JsonDocument.Parse(answer).RootElement;
            _shown[own] = (list.GetProperty("request_id").GetString()!, list.GetProperty("items")[0].GetProperty("item_id").GetRawText());
        }
    }

    // An item of the user's last list, as a click on it would be.
    private async Task SendEventAsync(CancellationToken cancellationToken)
    {
        int own = _random.Next(OwnUsers);
        (string requestId, string item) = _shown[own].Item is null ? ("", movies[_random.Next(movies.Length)]) : _shown[own];
        _unanswered[own] ??= string.Create(CultureInfo.InvariantCulture,
            $$"""{"user_id": {{OwnUser(own)}}, "item_id": {{item}}, "timestamp": {{DateTimeOffset.UtcNow.ToUnixTimeSeconds()}}, "key": "{{_stored[own]}}"{{(requestId.Length == 0 ? "" : $", \"request_id\": \"{requestId}\"")}}}""");
        if (await ExpectAsync("event", "/events", _unanswered[own]!, [200, 503], cancellationToken) == HttpStatusCode.OK)
        {
            _stored[own]++;
            _unanswered[own] = null;
        }
    }

    private async Task<HttpStatusCode?> ExpectAsync(string kind, string path, string body, int[] expected, CancellationToken cancellationToken) =>
        (await SendAsync(kind, path, body, expected, cancellationToken)).Status;

    private async Task<(HttpStatusCode? Status, string Answer)> SendAsync(string kind, string path, string body, int[] expected, CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        try
        {
            using StringContent content = new(body, Encoding.UTF8, "application/json");
            using HttpResponseMessage response = await http.PostAsync(new Uri(path, UriKind.Relative), content, cancellationToken).WaitAsync(Hang, cancellationToken);
            string answer = await response.Content.ReadAsStringAsync(cancellationToken);
            tally.Answered(kind, (int)response.StatusCode, Stopwatch.GetElapsedTime(started));
            if (!expected.Contains((int)response.StatusCode))
            {
                tally.Violation($"{path} {body[..Math.Min(80, body.Length)]}: {(int)response.StatusCode} {answer}");
            }

            return (response.StatusCode, answer);
        }
        catch (Exception e) when (e is HttpRequestException or TimeoutException)
        {
            tally.Violation($"{path}: {e.GetType().Name} {e.Message}");
            return (null, "");
        }
    }

    private async Task LeaveAsync(string user)
    {
        using var leaving = new CancellationTokenSource(TimeSpan.FromMilliseconds(_random.NextDouble() * 3));
        try
        {
            using StringContent content = new($$"""{"user_id": {{user}}, "k": 100, "explain": true}""", Encoding.UTF8, "application/json");
            using HttpResponseMessage response = await http.PostAsync(new Uri("/recommend", UriKind.Relative), content, leaving.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or HttpRequestException)
        {
            // It left, as it meant to.
        }
    }
}
