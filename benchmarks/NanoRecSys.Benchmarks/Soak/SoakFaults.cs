using System.Net;
using System.Net.Sockets;
using System.Text;
using NanoRecSys.Benchmarks.Stack;

namespace NanoRecSys.Benchmarks.Soak;

/// <summary>Makes the stack's parts fail in turn, each for about a second, and attacks it as outsiders would.</summary>
internal sealed class SoakFaults(LocalStack stack, SoakOptions options)
{
    private const int Strangers = 200;
    private const int GiantUser = 2_000_000_000;
    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(1);

    private readonly Uri _api = stack.Addresses[0];

    public int Count { get; private set; }

    /// <summary>Leaves the end of the run without faults, so that everything can recover.</summary>
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

    // Unfinished connections, chunks with wrong sizes, and one user with more events than allowed: others must not be affected.
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
                await stranger.ConnectAsync(_api.Host, _api.Port, cancellationToken);
                await stranger.GetStream().WriteAsync(Encoding.ASCII.GetBytes(openings[i % openings.Length]), cancellationToken);
            }

            using HttpClient http = new() { BaseAddress = _api };
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
            // The connection was closed, as expected.
        }
        finally
        {
            strangers.ForEach(stranger => stranger.Dispose());
        }
    }

    // Switches to another version if there is one, else to a damaged one and back.
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
    private readonly int[] _stored = new int[OwnUsers]; // acknowledged events of each own user
    private readonly string?[] _unanswered = new string?[OwnUsers]; // the event to send again
    private readonly (string RequestId, string Item)[] _shown = new (string, string)[OwnUsers]; // by the last list of each user

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
                _ => AbandonAsync(user),
            });
        }
    }

    /// <summary>After the load, every acknowledged event must be stored exactly once.</summary>
    public void Verify(Func<EntityId, int> countOf)
    {
        for (int own = 0; own < OwnUsers; own++)
        {
            int count = countOf(OwnUser(own));
            // The last event may be stored although its acknowledgement was lost.
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

    // For an item of the user's last list, as if clicked.
    private async Task SendEventAsync(CancellationToken cancellationToken)
    {
        int own = _random.Next(OwnUsers);
        (string requestId, string item) = _shown[own].Item is null ? ("", movies[_random.Next(movies.Length)]) : _shown[own];
        _unanswered[own] ??=
            $$"""{"user_id": {{OwnUser(own)}}, "item_id": {{item}}, "timestamp": {{DateTimeOffset.UtcNow.ToUnixTimeSeconds()}}, "key": "{{_stored[own]}}"{{(requestId.Length == 0 ? "" : $", \"request_id\": \"{requestId}\"")}}}""";
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

    private async Task AbandonAsync(string user)
    {
        using var abandon = new CancellationTokenSource(TimeSpan.FromMilliseconds(_random.NextDouble() * 3));
        try
        {
            using StringContent content = new($$"""{"user_id": {{user}}, "k": 100, "explain": true}""", Encoding.UTF8, "application/json");
            using HttpResponseMessage response = await http.PostAsync(new Uri("/recommend", UriKind.Relative), content, abandon.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or HttpRequestException)
        {
            // Cancelled on purpose.
        }
    }
}
