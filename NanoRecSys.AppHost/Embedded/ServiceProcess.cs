using System.Diagnostics;
using System.Runtime.InteropServices;

namespace NanoRecSys.AppHost.Embedded;

/// <summary>One child process: the API, the web page or a training.</summary>
internal sealed partial class ServiceProcess : IAsyncDisposable
{
    private const int SigTerm = 15;

    /// <summary>What a child may take to end by itself; a stop is to be over within seconds.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    private readonly Process _process;

    private ServiceProcess(string name, Process process)
    {
        Name = name;
        _process = process;
        Exited = WaitAsync();
    }

    public string Name { get; }

    /// <summary>Completes with the exit code when the child has ended.</summary>
    public Task<int> Exited { get; }

    /// <summary>The host asked it to end, or is about to: its exit code says nothing then.</summary>
    public bool IsStopping { get; private set; }

    /// <param name="name">Stands before each line that the child prints.</param>
    /// <param name="colour">The name's.</param>
    /// <param name="project">A project that was built with the host.</param>
    /// <param name="arguments">The program's own.</param>
    /// <param name="environment">Set besides this process's own variables.</param>
    /// <param name="guard">Ends the child where this process cannot any more.</param>
    public static ServiceProcess Start(
        string name, ConsoleColor colour, string project, IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string> environment, ChildGuard guard)
    {
        string program = BuiltServices.Program(project);
        ProcessStartInfo start = new(BuiltServices.DotNet, [program, .. arguments])
        {
            // Settings files lie beside the program.
            WorkingDirectory = Path.GetDirectoryName(program),
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string key, string value) in environment)
        {
            start.Environment[key] = value;
        }

        Process process = new() { StartInfo = start };
        process.OutputDataReceived += (_, line) => Forward(line.Data);
        process.ErrorDataReceived += (_, line) => Forward(line.Data);
        process.Start();
        guard.Add(process);
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return new ServiceProcess(name, process);

        void Forward(string? line)
        {
            if (line is not null)
            {
                HostConsole.Forward(name, colour, line);
            }
        }
    }

    /// <summary>Asks the child to end, and kills it and its children after a grace period.</summary>
    public async ValueTask DisposeAsync()
    {
        IsStopping = true;
        if (!_process.HasExited)
        {
            AskToEnd();
            await Task.WhenAny(Exited, Task.Delay(Grace));
            if (!_process.HasExited)
            {
                HostConsole.Warn($"{Name} did not end within {Grace.TotalSeconds:0} s and was killed.");
                _process.Kill(entireProcessTree: true);
                await Task.WhenAny(Exited, Task.Delay(Grace));
            }
        }

        _process.Dispose();
    }

    private async Task<int> WaitAsync()
    {
        await _process.WaitForExitAsync(); // Its last lines, too.
        return _process.ExitCode;
    }

    private void AskToEnd()
    {
        if (OperatingSystem.IsWindows())
        {
            _process.Kill(entireProcessTree: true); // Nothing gentler exists for a process without a window.
        }
        else
        {
            _ = SendSignal(_process.Id, SigTerm);
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int processId, int signal);
}
