using System.Collections.Concurrent;
using System.Text.RegularExpressions;

namespace NanoRecSys.IntegrationTests.Fixtures;

/// <summary>One of our programs in a separate process, with the environment that a host would set.</summary>
internal sealed partial class ProgramProcess : IDisposable
{
    private readonly Process _process;
    private int _disposed;
    private readonly ConcurrentQueue<string> _output = [];
    private readonly TaskCompletionSource<Uri> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ProgramProcess(ProcessStartInfo start)
    {
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Read(line.Data);
        _process.ErrorDataReceived += (_, line) => Read(line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public Task<Uri> Address => _address.Task; // completes once the program listens
    public string Output => string.Join('\n', _output);

    public static ProgramProcess Start(string program, IReadOnlyDictionary<string, string> environment, params string[] args) =>
        Start(["dotnet", Path.Combine(AppContext.BaseDirectory, $"{program}.dll"), .. args], environment, AppContext.BaseDirectory);

    /// <summary>Starts the API on a free port.</summary>
    /// <param name="settings">Environment variables.</param>
    public static ProgramProcess StartApi(string artifacts, params (string Name, string Value)[] settings) => Start(
        "NanoRecSys.Api", settings.Append(("ASPNETCORE_URLS", "http://127.0.0.1:0")).Append(("Artifacts__Path", artifacts)).ToDictionary());

    /// <summary>Starts in another working directory, with a limit of open files unless it is null.</summary>
    public static ProgramProcess StartIn(string folder, string program, IReadOnlyDictionary<string, string> environment, int? files = null)
    {
        string[] command = ["dotnet", Path.Combine(AppContext.BaseDirectory, $"{program}.dll")];
        return Start(files is { } limit ? ["sh", "-c", $"ulimit -n {limit}; exec \"$@\"", "sh", .. command] : command, environment, folder);
    }

    private static ProgramProcess Start(string[] command, IReadOnlyDictionary<string, string> environment, string folder)
    {
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        return new ProgramProcess(start);
    }

    /// <summary>Sends SIGTERM, as a host does to stop a service.</summary>
    public async Task TerminateAsync()
    {
        using var kill = Process.Start("kill", ["-TERM", $"{_process.Id}"]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    public async Task<int> EndAsync()
    {
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return _process.ExitCode;
    }

    /// <summary>Sends SIGKILL; may be called repeatedly.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private void Read(string? line)
    {
        if (line is null)
        {
            _address.TrySetException(new InvalidOperationException($"The program ended before it listened:\n{Output}"));
            return;
        }

        _output.Enqueue(line);
        if (ListeningLine().Match(line) is { Success: true } match)
        {
            _address.TrySetResult(new Uri(match.Groups[1].Value));
        }
    }

    [GeneratedRegex("Now listening on: (https?://\\S+)")]
    private static partial Regex ListeningLine();
}
