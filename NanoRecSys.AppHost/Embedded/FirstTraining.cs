namespace NanoRecSys.AppHost.Embedded;

/// <summary>The training of the first model, where the artifacts folder holds none; at most one per folder.</summary>
internal sealed class FirstTraining : IDisposable
{
    private readonly string[] _arguments;
    private readonly IDisposable _folderLock;
    private readonly string _current;

    private FirstTraining(string[] arguments, IDisposable folderLock, string current)
    {
        _arguments = arguments;
        _folderLock = folderLock;
        _current = current;
    }

    /// <summary>Null where there is a model, or where another host trains one in this folder; both are said.</summary>
    public static FirstTraining? Prepare(HostOptions options, BuiltServices built, string artifacts)
    {
        string data = options.Data ?? Path.Combine(built.RepositoryRoot, "data", "movielens-small");
        string[] arguments = ["run", "--preset", options.Preset ?? "quick", "--data", data, "--artifacts", artifacts];
        string current = Path.Combine(artifacts, "current");
        if (File.Exists(current))
        {
            if (options.Data is not null || options.Preset is not null)
            {
                HostConsole.Warn($"{artifacts} holds a model already; for another one: {CommandLine(arguments)}");
            }

            return null;
        }

        if (FolderLock.TryTake(artifacts, "training") is not { } folderLock)
        {
            HostConsole.Say($"Another host trains a model in {artifacts}; it will be served here, too.");
            return null;
        }

        HostConsole.Say($"No model in {artifacts} yet: training one on {data}. The page shows the progress.");
        return new FirstTraining(arguments, folderLock, current);
    }

    public ServiceProcess Start(IReadOnlyDictionary<string, string> environment, ChildGuard guard)
    {
        // At the priority of the rest: with a lower one, a browser that draws in software starves it on two cores.
        ServiceProcess process = ServiceProcess.Start(
            "training", ConsoleColor.Magenta, "NanoRecSys.Training", _arguments, environment, guard);
        _ = ReportAsync(process);
        return process;
    }

    public void Dispose() => _folderLock.Dispose();

    private async Task ReportAsync(ServiceProcess process)
    {
        int exitCode = await process.Exited;
        _folderLock.Dispose();
        if (!process.IsStopping && (exitCode != 0 || !File.Exists(_current)))
        {
            HostConsole.Warn($"The training ended with exit code {exitCode} and no model; the page stays up without one. " +
                $"Once mended, start it again: {CommandLine(_arguments)}");
        }
    }

    private static string CommandLine(IEnumerable<string> arguments) =>
        "dotnet run --project NanoRecSys.Training -- " +
        string.Join(' ', arguments.Select(argument => argument.Contains(' ') ? $"\"{argument}\"" : argument));
}
