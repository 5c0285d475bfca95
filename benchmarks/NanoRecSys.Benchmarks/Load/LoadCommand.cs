using System.CommandLine;
using System.CommandLine.Parsing;

namespace NanoRecSys.Benchmarks.Load;

/// <summary>The verb <c>load</c>: drives a running API.</summary>
internal static class LoadCommand
{
    public static Command Create()
    {
        Option<Uri> url = new("--url")
        {
            Description = "The API.",
            DefaultValueFactory = _ => new Uri("http://localhost:5081"),
            CustomParser = ParseUrl,
        };
        Option<Scenario> scenario = new("--scenario")
        {
            Description = "cold: no request repeats; hot: one that repeats; mix: 70% from a small set of users, 30% cold.",
            DefaultValueFactory = _ => Scenario.Mix,
        };
        Option<double> duration = new("--duration") { Description = "Seconds measured, after two of warm-up.", DefaultValueFactory = _ => 10 };
        Option<int> concurrency = new("--concurrency") { Description = "Connections that each send one request after the other.", DefaultValueFactory = _ => 8 };
        Option<double?> rate = new("--rate")
        {
            Description = "Requests per second sent on schedule, whether or not earlier ones were answered; latency counts from the scheduled time.",
        };
        Option<int> seed = new("--seed")
        {
            Description = "Of the users' order and of where cold requests begin; another each time unless told, so that runs seldom meet each other's answers.",
            DefaultValueFactory = _ => Environment.TickCount & int.MaxValue,
        };
        Option<bool> json = new("--json") { Description = "End with one line of JSON." };
        Command command = new("load", "Latency and throughput of /recommend on a running API.") { url, scenario, duration, concurrency, rate, seed, json };
        command.SetAction((parsed, cancellationToken) => LoadRun.RunAsync(
            new LoadOptions(
                parsed.GetValue(url)!, parsed.GetValue(scenario), TimeSpan.FromSeconds(parsed.GetValue(duration)),
                parsed.GetValue(concurrency), parsed.GetValue(rate), parsed.GetValue(seed), parsed.GetValue(json)),
            cancellationToken));
        return command;
    }

    private static Uri? ParseUrl(ArgumentResult result)
    {
        if (Uri.TryCreate(result.Tokens[0].Value, UriKind.Absolute, out Uri? url) && url.Scheme is "http" or "https")
        {
            return url;
        }

        result.AddError($"'{result.Tokens[0].Value}' is not an address such as http://localhost:5081.");
        return null;
    }
}
