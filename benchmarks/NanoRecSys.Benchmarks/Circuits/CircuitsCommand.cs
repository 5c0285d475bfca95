using System.CommandLine;

namespace NanoRecSys.Benchmarks.Circuits;

/// <summary>The verb <c>circuits</c>: many visitors of the pages at once.</summary>
internal static class CircuitsCommand
{
    public static Command Create()
    {
        Option<string> url = new("--url") { Description = "The page's server.", DefaultValueFactory = _ => "http://localhost:5080" };
        Option<string> path = new("--path") { Description = "The page that all look at.", DefaultValueFactory = _ => "/telemetry" };
        Option<int> count = new("--count") { Description = "Circuits at once.", DefaultValueFactory = _ => 200 };
        Option<double> hold = new("--duration") { Description = "Seconds that they stay.", DefaultValueFactory = _ => 20 };
        Option<int?> process = new("--pid") { Description = "Process id of the page's server, to tell its memory (Linux)." };
        Option<bool> json = new("--json") { Description = "End with one line of JSON." };
        Command command = new("circuits", "Opens many pages at once without a browser: memory and latency of the page's server.") { url, path, count, hold, process, json };
        command.SetAction((parsed, cancellation) => CircuitsRun.RunAsync(
            new CircuitsOptions(
                new Uri(parsed.GetValue(url)!), parsed.GetValue(path)!, parsed.GetValue(count), TimeSpan.FromSeconds(parsed.GetValue(hold)), parsed.GetValue(process),
                parsed.GetValue(json)),
            cancellation));
        return command;
    }
}
