using System.CommandLine;

namespace NanoRecSys.Benchmarks.Load;

/// <summary>The verb <c>load</c>: drives a running API.</summary>
internal static class LoadCommand
{
    private const int ClosedConnections = 8;
    private const int OpenConnections = 256;

    public static Command Create()
    {
        Option<Uri> url = ApiAddress.CreateOption();
        Option<Scenario> scenario = new("--scenario")
        {
            Description = "cold: no request repeats; hot: a thousand users' that do; mix: 70% hot, 30% cold.",
            DefaultValueFactory = _ => Scenario.Mix,
        };
        Option<double> warmUp = new("--warm-up") { Description = "Seconds before, not measured.", DefaultValueFactory = _ => 5 };
        Option<double> duration = new("--duration") { Description = "Seconds measured.", DefaultValueFactory = _ => 10 };
        Option<int?> concurrency = new("--concurrency")
        {
            Description = "Connections: 8 that each send one request after the other, or with a rate at most 256 that share the schedule.",
        };
        Option<double?> rate = new("--rate")
        {
            Description = "Requests per second sent on schedule, whether or not earlier ones were answered; latency counts from the scheduled time.",
        };
        Option<double?> rateOfCapacity = new("--rate-of-capacity")
        {
            Description = "The same as a share of what a run without schedule reaches, which is measured first: 0.5 is half the load, 2 twice the capacity.",
        };
        Option<int> seed = new("--seed")
        {
            Description = "Of the users' order and of where cold requests begin; another each time unless told, so that runs seldom meet each other's answers.",
            DefaultValueFactory = _ => Environment.TickCount & int.MaxValue,
        };
        Option<string?> folder = new("--out") { Description = "Folder for SCENARIO.json and SCENARIO.png (latency over time)." };
        Option<bool> json = new("--json") { Description = "End with one line of JSON." };
        Command command = new("load", "Latency and throughput of /recommend on a running API.")
        {
            url, scenario, warmUp, duration, concurrency, rate, rateOfCapacity, seed, folder, json,
        };
        command.SetAction((parsed, cancellationToken) =>
        {
            double? share = parsed.GetValue(rateOfCapacity);
            bool isOpen = share is not null || parsed.GetValue(rate) is not null;
            return LoadRun.RunAsync(
                new LoadOptions(
                    parsed.GetValue(url)!, parsed.GetValue(scenario), TimeSpan.FromSeconds(parsed.GetValue(warmUp)), TimeSpan.FromSeconds(parsed.GetValue(duration)),
                    parsed.GetValue(concurrency) ?? (isOpen ? OpenConnections : ClosedConnections), parsed.GetValue(rate), share,
                    parsed.GetValue(seed), parsed.GetValue(folder), parsed.GetValue(json)),
                cancellationToken);
        });
        return command;
    }
}
