using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace NanoRecSys.EndToEndTests.Fixtures;

/// <summary>The whole stack, started as a user starts it: one command, in a process group of its own like in a terminal.</summary>
internal sealed partial class StackProcess : IAsyncDisposable
{
    private const int SigInt = 2;
    private const int SigKill = 9;

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = [];
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private readonly TimeSpan _machineTimeAtStart = ProcessGroup.MachineTime();
    private readonly TaskCompletionSource<Uri> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<Uri> _api = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<Took> _recommending = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private StackProcess(Process process) => _process = process;

    /// <summary>The web page's address, from the line that the host prints once the page answers.</summary>
    public Task<Uri> Address => _address.Task;

    /// <summary>The API's address, from the line before that one.</summary>
    public Task<Uri> Api => _api.Task;

    /// <summary>Completes when the host says that recommendations are served, with what it took since the start.</summary>
    public Task<Took> Recommending => _recommending.Task;

    public string Output => string.Join('\n', _output);

    /// <param name="artifacts">The artifacts folder.</param>
    /// <param name="options">More of the host's options.</param>
    public static StackProcess Start(string artifacts, params string[] options)
    {
        // A shell's background job ignores Ctrl+C and so would all that it starts: "env" gives the host a terminal's
        // signals back. Any free port: the tests may run beside a stack that somebody uses.
        string[] command = ["--default-signal=INT", "setsid", "dotnet", BuiltStack.AppHost, "--artifacts", artifacts,
            "--web-port", "0", "--api-port", "0", "--cache-port", "0", .. options];
        Process process = new()
        {
            StartInfo = new ProcessStartInfo("env", command) { RedirectStandardOutput = true, RedirectStandardError = true },
        };
        process.StartInfo.Environment.Remove("ConnectionStrings__cache");
        StackProcess stack = new(process);
        process.OutputDataReceived += (_, line) => stack.Read(line.Data);
        process.ErrorDataReceived += (_, line) => stack.Read(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _ = stack.FailWhenItEndsAsync();
        return stack;
    }

    /// <summary>How long it took from the start until now, and whose time that was.</summary>
    public Took Measure()
    {
        TimeSpan stack = new ProcessGroup(_process.Id).ProcessorTime();
        return new Took(_watch.Elapsed, stack, ProcessGroup.MachineTime() - _machineTimeAtStart - stack);
    }

    /// <summary>What Ctrl+C does in a terminal: an interrupt for every process of the group.</summary>
    /// <returns>The host's exit code.</returns>
    public async Task<int> PressCtrlCAsync(TimeSpan patience)
    {
        _ = SendSignal(-_process.Id, SigInt);
        await _process.WaitForExitAsync().WaitAsync(patience);
        return _process.ExitCode;
    }

    /// <summary>What no program can prepare for.</summary>
    public Task KillHostAsync()
    {
        _ = SendSignal(_process.Id, SigKill);
        return _process.WaitForExitAsync();
    }

    /// <summary>The host with its cache, the API, the page and the guard, at once.</summary>
    public void KillEverything() => _ = SendSignal(-_process.Id, SigKill);

    /// <returns>The host's exit code.</returns>
    public async Task<int> KillServiceAsync(string program, TimeSpan patience)
    {
        int service = new ProcessGroup(_process.Id).Living().First(process => process.Command.Contains(program, StringComparison.Ordinal)).Id;
        _ = SendSignal(service, SigKill);
        await _process.WaitForExitAsync().WaitAsync(patience);
        return _process.ExitCode;
    }

    /// <summary>Command lines of the group's processes that are still there.</summary>
    public IReadOnlyList<string> LivingProcesses() => [.. new ProcessGroup(_process.Id).Living().Select(process => process.Command)];

    public async ValueTask DisposeAsync()
    {
        _ = SendSignal(-_process.Id, SigInt);
        await Task.WhenAny(_process.WaitForExitAsync(), Task.Delay(TimeSpan.FromSeconds(15)));
        _ = SendSignal(-_process.Id, SigKill);
        _process.Dispose();
    }

    private void Read(string? line)
    {
        if (line is null)
        {
            return;
        }

        _output.Enqueue(line);
        if (AddressLine().Match(line) is { Success: true } match)
        {
            _address.TrySetResult(new Uri(match.Groups[1].Value));
        }
        else if (ApiLine().Match(line) is { Success: true } api)
        {
            _api.TrySetResult(new Uri(api.Groups[1].Value));
        }
        else if (line.Contains("First recommendation ready after", StringComparison.Ordinal))
        {
            _recommending.TrySetResult(Measure());
        }
        else if (line.Contains("The training ended with exit code", StringComparison.Ordinal))
        {
            _recommending.TrySetException(new InvalidOperationException(Output));
        }
    }

    private async Task FailWhenItEndsAsync()
    {
        await _process.WaitForExitAsync();
        InvalidOperationException ended = new($"The host has ended:\n{Output}");
        _address.TrySetException(ended);
        _api.TrySetException(ended);
        _recommending.TrySetException(ended);
    }

    [GeneratedRegex("NanoRecSys is at (http://\\S+)")]
    private static partial Regex AddressLine();

    [GeneratedRegex("First page ready after .* API: (http://\\S+)")]
    private static partial Regex ApiLine();

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int processId, int signal);
}
