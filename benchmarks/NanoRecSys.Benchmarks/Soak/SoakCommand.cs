using System.CommandLine;

namespace NanoRecSys.Benchmarks.Soak;

/// <summary>The verb <c>soak</c>: a stack of its own under load while its parts fail.</summary>
internal static class SoakCommand
{
    public static Command Create()
    {
        Option<string> artifacts = new("--artifacts") { Description = "Folder with a published version.", DefaultValueFactory = _ => "artifacts" };
        Option<string?> api = new("--api") { Description = "NanoRecSys.Api.dll; the build of the same configuration unless told." };
        Option<double> duration = new("--duration") { Description = "Seconds.", DefaultValueFactory = _ => 600 };
        Option<int> workers = new("--workers") { Description = "Clients that each send one request after the other.", DefaultValueFactory = _ => 6 };
        Option<double> faults = new("--fault-every") { Description = "Seconds between two faults (Redis killed, frozen, the model swapped); 0 for none.", DefaultValueFactory = _ => 10 };
        Option<double> growth = new("--max-growth") { Description = "Growth of the API's memory from the second to the last quarter that is still no leak, as a share.", DefaultValueFactory = _ => 0.15 };
        Option<bool> json = new("--json") { Description = "End with one line of JSON." };
        Command command = new("soak", "Load, hostile bodies and faults for ten minutes: no 500, no hang, no lost event, no leak. Needs redis-server and Linux.")
        {
            artifacts, api, duration, workers, faults, growth, json,
        };
        command.SetAction((parsed, cancellationToken) => SoakRun.RunAsync(
            new SoakOptions(
                Path.GetFullPath(parsed.GetValue(artifacts)!), parsed.GetValue(api) ?? FindApi(), TimeSpan.FromSeconds(parsed.GetValue(duration)),
                parsed.GetValue(workers), TimeSpan.FromSeconds(parsed.GetValue(faults)), parsed.GetValue(growth), parsed.GetValue(json)),
            cancellationToken));
        return command;
    }

    // Beside this program where a test gathered both; else in the API's own folder of the same build.
    private static string FindApi()
    {
        const string name = "NanoRecSys.Api.dll";
        string beside = Path.Combine(AppContext.BaseDirectory, name);
        string configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        return File.Exists(beside) ? beside : Path.GetFullPath(
            Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "..", "..", "NanoRecSys.Api", "bin", configuration, "net10.0", name));
    }
}
