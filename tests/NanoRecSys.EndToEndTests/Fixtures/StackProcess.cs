using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace NanoRecSys.EndToEndTests.Fixtures;

/// <summary>The whole stack, started as a user starts it: one command, in a process group of its own like in a terminal.</summary>
internal sealed partial class StackProcess : IAsyncDisposable
{
    private const int SigInt = 2;
    private const int SigKill = 9;
    private const int SigCont = 18;
    private const int SigStop = 19;

    private readonly Process _process = new();
    private readonly MarkedProcesses _all;
    private readonly ConcurrentQueue<string> _output = [];
    private readonly TaskCompletionSource<Uri> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _recommending = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Dictionary<string, Uri> _block = [];

    private StackProcess(string artifacts, string[] options)
    {
        (string name, string value) = ("NANORECSYS_TEST_STACK", $"{Guid.NewGuid():N}");
        _all = new MarkedProcesses($"{name}={value}");
        // A shell's background job ignores Ctrl+C and so would everything that it starts: "env" gives the host a terminal's
        // signals back. Any free port: the tests may run beside a stack that somebody uses.
        _process.StartInfo = new ProcessStartInfo("env",
        [
            "--default-signal=INT", "setsid", "dotnet", BuiltStack.AppHost, "--artifacts", artifacts,
            .. new[] { "--web-port", "--api-port", "--cache-port" }.Except(options).SelectMany(port => new[] { port, "0" }), .. options,
        ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _process.StartInfo.Environment.Remove("ConnectionStrings__cache");
        _process.StartInfo.Environment[name] = value;
        _process.OutputDataReceived += (_, line) => Read(line.Data);
        _process.ErrorDataReceived += (_, line) => Read(line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        _ = FailWhenItEndsAsync();
    }

    public Task<Uri> Address => _address.Task; // the web page's address, from the line that the host prints once the page answers
    public Task Recommending => _recommending.Task; // completes with the host's closing block, once recommendations are served
    public Uri Api => _block["API"]; // from the closing block
    public Uri Dashboard => _block["Dashboard"]; // from the closing block, with the token that logs in
    public string Output => string.Join('\n', _output);

    /// <param name="options">More of the host's options; ports are any free ones unless given here.</param>
    public static StackProcess Start(string artifacts, params string[] options) => new(artifacts, options);

    /// <summary>What Ctrl+C does in a terminal: an interrupt for every process of the group.</summary>
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

    /// <summary>The host, the orchestrator, the dashboard and all services at once.</summary>
    public void KillEverything()
    {
        foreach ((int id, _) in _all.Running())
        {
            _ = SendSignal(id, SigKill);
        }
    }

    /// <summary>Kills one service.</summary>
    public int KillService(string program)
    {
        int service = Running(program)[0];
        _ = SendSignal(service, SigKill);
        return service;
    }

    /// <summary>Makes a service silent: it keeps its connections and answers nothing until <see cref="Continue"/>.</summary>
    public void Stop(string program) => _ = SendSignal(Running(program)[0], SigStop);

    public void Continue(string program) => _ = SendSignal(Running(program)[0], SigCont);

    /// <summary>Ids of the processes that run a program of ours.</summary>
    public IReadOnlyList<int> Running(string program) =>
        [.. _all.Running().Where(process => process.Command.Split(' ')[0].EndsWith($"/{program}", StringComparison.Ordinal)).Select(process => process.Id)];

    /// <summary>Command lines of all processes that this stack started and that are running.</summary>
    public IReadOnlyList<string> RunningProcesses() => [.. _all.Running().Select(process => process.Command)];

    /// <returns>What is still running after so long.</returns>
    public async Task<IReadOnlyList<string>> LeftAfterAsync(TimeSpan patience, CancellationToken cancellation)
    {
        Stopwatch watch = Stopwatch.StartNew();
        while (RunningProcesses().Count > 0 && watch.Elapsed < patience)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), cancellation);
        }

        return RunningProcesses();
    }

    /// <summary>Waits until the output contains a text.</summary>
    public async Task PrintsAsync(string text, TimeSpan patience, CancellationToken cancellation)
    {
        Stopwatch watch = Stopwatch.StartNew();
        while (!Output.Contains(text, StringComparison.Ordinal))
        {
            Assert.True(watch.Elapsed < patience, $"The host did not print '{text}':\n{Output}");
            await Task.Delay(TimeSpan.FromMilliseconds(100), cancellation);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _ = SendSignal(-_process.Id, SigInt);
        await Task.WhenAny(_process.WaitForExitAsync(), Task.Delay(TimeSpan.FromSeconds(15)));
        KillEverything();
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
        else if (BlockLine().Match(line) is { Success: true } entry)
        {
            string name = entry.Groups[1].Value;
            if (name == "Artifacts")
            {
                _recommending.TrySetResult(); // the last line
            }
            else
            {
                _block[name] = new Uri(entry.Groups[2].Value);
            }
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
        _recommending.TrySetException(ended);
    }

    [GeneratedRegex("The page is at (http://\\S+)")]
    private static partial Regex AddressLine();

    [GeneratedRegex("^  (Web|API|API reference|Dashboard|Artifacts) +(\\S+)$")]
    private static partial Regex BlockLine();

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int processId, int signal);
}
