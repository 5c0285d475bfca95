using System.Net.Http.Json;
using System.Text;
using StackExchange.Redis;

namespace NanoRecSys.Benchmarks.Stack;

/// <summary>
/// The command <c>replicas</c>: cost and gain of a balancer and of more replicas on this machine, Redis' work per request, and the memory that events
/// take in Redis.
/// </summary>
internal static class ReplicasCommand
{
    private const int MostReplicas = 4;
    private const int EventsStored = 50_000; // for each number of events per user
    private const int EventsPerBatch = 1000; // the API's maximum
    private const int Columns = 170; // the table's width
    private static readonly int[] EventsPerUser = [10, 100, 1000];
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);

    public static Command Create()
    {
        Option<string> artifacts = new("--artifacts") { Description = "Folder with a published version.", DefaultValueFactory = _ => "artifacts" };
        Option<string> balancer = new("--balancer") { Description = "HAProxy's configuration.", DefaultValueFactory = _ => Path.Combine("deploy", "haproxy.cfg") };
        Option<Scenario[]> scenarios = new("--scenarios") { Description = "As for the command load.", DefaultValueFactory = _ => [Scenario.Cold, Scenario.Hot], AllowMultipleArgumentsPerToken = true };
        Option<double> duration = new("--duration") { Description = "Seconds of each run.", DefaultValueFactory = _ => 5 };
        Option<int> rounds = new("--rounds") { Description = "Runs of each kind, in turn.", DefaultValueFactory = _ => 3 };
        Option<int> connections = new("--concurrency") { Description = "Connections that each send one request after the other.", DefaultValueFactory = _ => 8 };
        Command command = new("replicas", "Throughput of 1, 2 and 4 API processes behind HAProxy, and their load on Redis. Needs haproxy and redis-server.")
        {
            artifacts, balancer, scenarios, duration, rounds, connections,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var store = new ArtifactStore(parsed.GetValue(artifacts)!);
            if (store.ReadCurrent() is null)
            {
                await Console.Error.WriteLineAsync($"No version is published in {store.Root}. Name another folder with --artifacts.");
                return 1;
            }

            using var stack = new LocalStack(store.Root, program: null, MostReplicas);
            string configuration = await File.ReadAllTextAsync(parsed.GetValue(balancer)!, cancellationToken);
            (string Name, Uri Url)[] kinds =
            [
                ("1, without a balancer", stack.Addresses[0]),
                .. new[] { 1, 2, MostReplicas }.Select(replicas => ($"{replicas}, balanced", stack.Balance(replicas, configuration))),
            ];
            foreach (Uri url in stack.Addresses.Concat(kinds.Select(kind => kind.Url)))
            {
                await stack.WaitUntilReadyAsync(url, cancellationToken);
            }

            await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync($"{stack.Redis},allowAdmin=true");
            using var http = new HttpClient { BaseAddress = stack.Addresses[0] };
            EntityId[] users = await Users.AllAsync(http, cancellationToken);
            var runs = new List<ReplicaRun>();
            foreach (Scenario scenario in parsed.GetValue(scenarios)!)
            {
                RequestSource source = new(stack.Addresses[0], users, scenario, seed: 1); // one for all runs, so that no cold request is repeated
                for (int round = 0; round < parsed.GetValue(rounds); round++)
                {
                    foreach ((string name, Uri url) in kinds)
                    {
                        Drive(url, source, parsed.GetValue(connections), WarmUp, cancellationToken);
                        Usage before = await Usage.ReadAsync(stack, redis);
                        Outcomes outcomes = Drive(url, source, parsed.GetValue(connections), TimeSpan.FromSeconds(parsed.GetValue(duration)), cancellationToken);
                        runs.Add(new ReplicaRun(scenario, name, outcomes, await Usage.ReadAsync(stack, redis) - before));
                    }
                }

                if (source.ColdsSent > source.ColdCapacity)
                {
                    await Console.Error.WriteLineAsync($"{scenario}: there are too few users for runs as long as these; cold requests repeated.");
                }
            }

            List<StoredEvents> stored = [];
            foreach (int perUser in EventsPerUser)
            {
                stored.Add(await StoreAsync(http, redis, perUser, cancellationToken));
            }

            Report(runs, stored, parsed.GetValue(JsonLine.Option));
            return runs.All(run => run.Outcomes.Failed == 0) ? 0 : 1;
        });
        return command;
    }

    private static Outcomes Drive(Uri url, RequestSource source, int connections, TimeSpan duration, CancellationToken cancellationToken)
    {
        var outcomes = new Outcomes(duration);
        new Drive(url, source, connections, rate: null, duration, seed: 1, outcomes).Run(cancellationToken);
        return outcomes;
    }

    // By the growth of used_memory, which includes indexes besides a user's own key.
    private static async Task<StoredEvents> StoreAsync(HttpClient http, ConnectionMultiplexer redis, int perUser, CancellationToken cancellationToken)
    {
        ItemList? items = await http.GetFromJsonAsync<ItemList>("/items?query=a&limit=50", WireJson.Options, cancellationToken);
        string[] ids = [.. items!.Items.Select(item => JsonSerializer.Serialize(item.ItemId))];
        long before = await Usage.InfoAsync(redis, "used_memory");
        foreach (int[] batch in Enumerable.Range(0, EventsStored).Chunk(EventsPerBatch))
        {
            string events = string.Join(',', batch.Select(number =>
                $$"""{"user_id": {{FirstUser(perUser) + number / perUser}}, "item_id": {{ids[number % ids.Length]}}, "timestamp": {{1_700_000_000 + number}}}"""));
            using StringContent body = new($$"""{"events": [{{events}}]}""", Encoding.UTF8, "application/json");
            using HttpResponseMessage response = await http.PostAsync(new Uri("/events", UriKind.Relative), body, cancellationToken);
            response.EnsureSuccessStatusCode();
        }

        return new StoredEvents(perUser, EventsStored / perUser, await Usage.InfoAsync(redis, "used_memory") - before);
    }

    private static int FirstUser(int perUser) => perUser * 1_000_000;

    private static void Report(IReadOnlyList<ReplicaRun> runs, IReadOnlyList<StoredEvents> stored, bool json)
    {
        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, Columns);
        Table table = new Table().AddColumns(
            "scenario", "replicas", "requests/s", "ratio", "p50 ms", "p99 ms", "API µs", "balancer µs", "Redis µs", "commands", "bytes to Redis", "bytes from it", "failed");
        var lines = new List<Dictionary<string, object>>();
        foreach (IGrouping<Scenario, ReplicaRun> scenario in runs.GroupBy(run => run.Scenario))
        {
            ReplicaRun[][] kinds = [.. scenario.GroupBy(run => run.Kind).Select(kind => kind.ToArray())];
            foreach (ReplicaRun[] kind in kinds)
            {
                double[] ratios = [.. kind.Zip(kinds[0], (run, direct) => (double)run.Outcomes.Answered / direct.Outcomes.Answered).Order()];
                var line = new Dictionary<string, object>
                {
                    ["scenario"] = scenario.Key.ToString().ToLowerInvariant(),
                    ["replicas"] = kind[0].Kind,
                    ["requests_per_second"] = Median(kind, run => run.Outcomes.Answered / run.Outcomes.Duration.TotalSeconds),
                    ["ratio"] = ratios[ratios.Length / 2],
                    ["ratio_low"] = ratios[0],
                    ["ratio_high"] = ratios[^1],
                    ["p50_ms"] = Median(kind, run => run.Outcomes.PercentileMs(50)),
                    ["p99_ms"] = Median(kind, run => run.Outcomes.PercentileMs(99)),
                    ["api_us"] = PerRequest(kind, usage => usage.Api.TotalMicroseconds),
                    ["balancer_us"] = PerRequest(kind, usage => usage.Balancer.TotalMicroseconds),
                    ["redis_us"] = PerRequest(kind, usage => usage.Redis.TotalMicroseconds),
                    ["redis_commands"] = PerRequest(kind, usage => usage.Commands),
                    ["redis_bytes_in"] = PerRequest(kind, usage => usage.BytesIn),
                    ["redis_bytes_out"] = PerRequest(kind, usage => usage.BytesOut),
                    ["failed"] = kind.Sum(run => run.Outcomes.Failed),
                };
                lines.Add(line);
                table.AddRow(
                [
                    $"{line["scenario"]}", $"{line["replicas"]}", Text("requests_per_second", "0"), $"{Text("ratio", "0.00")} ({Text("ratio_low", "0.00")} to {Text("ratio_high", "0.00")})",
                    Text("p50_ms", "0.00"), Text("p99_ms", "0.00"), Text("api_us", "0"), Text("balancer_us", "0.0"), Text("redis_us", "0.0"), Text("redis_commands", "0.00"),
                    Text("redis_bytes_in", "0"), Text("redis_bytes_out", "0"), $"{line["failed"]}",
                ]);

                string Text(string figure, string format) => ((double)line[figure]).ToString(format);
            }
        }

        AnsiConsole.Write(table);
        Table memory = new Table().AddColumns("events per user", "users", "Redis bytes per user", "per event");
        foreach (StoredEvents events in stored)
        {
            memory.AddRow($"{events.EventsPerUser}", $"{events.Users}", $"{events.Bytes / events.Users}", $"{events.Bytes / events.Users / events.EventsPerUser}");
        }

        AnsiConsole.Write(memory);
        JsonLine.Write(json, new { runs = lines, stored });
    }

    private static double Median(ReplicaRun[] runs, Func<ReplicaRun, double> figure) => runs.Select(figure).Order().ElementAt(runs.Length / 2);

    private static double PerRequest(ReplicaRun[] runs, Func<Usage, double> figure) =>
        runs.Sum(run => figure(run.Usage)) / Math.Max(1, runs.Sum(run => run.Outcomes.Answered));
}

/// <summary>Redis memory for a number of users with the given number of events each.</summary>
internal sealed record StoredEvents(int EventsPerUser, int Users, long Bytes);

internal sealed record ReplicaRun(Scenario Scenario, string Kind, Outcomes Outcomes, Usage Usage);

/// <summary>Processor time of the stack's parts, and Redis' counters.</summary>
internal readonly record struct Usage(TimeSpan Api, TimeSpan Balancer, TimeSpan Redis, long Commands, long BytesIn, long BytesOut)
{
    public static Usage operator -(Usage after, Usage before) => new(
        after.Api - before.Api, after.Balancer - before.Balancer, after.Redis - before.Redis,
        after.Commands - before.Commands, after.BytesIn - before.BytesIn, after.BytesOut - before.BytesOut);

    public static async Task<Usage> ReadAsync(LocalStack stack, ConnectionMultiplexer redis) => new(
        stack.ApiTime, stack.BalancerTime, stack.RedisTime,
        await InfoAsync(redis, "total_commands_processed"), await InfoAsync(redis, "total_net_input_bytes"), await InfoAsync(redis, "total_net_output_bytes"));

    public static async Task<long> InfoAsync(ConnectionMultiplexer redis, string field)
    {
        IGrouping<string, KeyValuePair<string, string>>[] sections = await redis.GetServers()[0].InfoAsync();
        return long.Parse(sections.SelectMany(section => section).First(pair => pair.Key == field).Value);
    }
}
