using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace NanoRecSys.EndToEndTests.Fixtures;

/// <summary>The whole stack, started as a user starts it: with one command, in a separate process group as in a terminal.</summary>
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
        // A shell's background job ignores Ctrl+C, and so do its children: "env" restores the default handling for the host.
        // Any free ports, because another stack may be running on this machine.
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
        _ = FailOnExitAsync();
    }

    public Task<Uri> Address => _address.Task; // the web page's address, printed by the host once the page answers
    public Task Recommending => _recommending.Task; // completes with the host's closing block, once recommendations are served
    public Uri Api => _block["API"]; // from the closing block
    public Uri Dashboard => _block["Dashboard"]; // from the closing block, with the token that logs in
    public string Output => string.Join('\n', _output);

    /// <param name="options">Additional options of the host; ports default to free ones.</param>
    public static StackProcess Start(string artifacts, params string[] options) => new(artifacts, options);

    /// <summary>Interrupts every process of the group, as Ctrl+C does in a terminal.</summary>
    public async Task<int> PressCtrlCAsync(TimeSpan timeout)
    {
        _ = SendSignal(-_process.Id, SigInt);
        await _process.WaitForExitAsync().WaitAsync(timeout);
        return _process.ExitCode;
    }

    /// <summary>Kills only the host, with SIGKILL.</summary>
    public Task KillHostAsync()
    {
        _ = SendSignal(_process.Id, SigKill);
        return _process.WaitForExitAsync();
    }

    /// <summary>Kills the host, the orchestrator, the dashboard and all services.</summary>
    public void KillEverything()
    {
        foreach ((int id, _) in _all.Running())
        {
            _ = SendSignal(id, SigKill);
        }
    }

    public void KillService(string program) => _ = SendSignal(Running(program)[0], SigKill);

    /// <summary>Suspends a service: it keeps its connections but does not answer until <see cref="Continue"/>.</summary>
    public void Stop(string program) => _ = SendSignal(Running(program)[0], SigStop);

    public void Continue(string program) => _ = SendSignal(Running(program)[0], SigCont);

    /// <summary>Ids of the stack's processes that run a program.</summary>
    public IReadOnlyList<int> Running(string program) =>
        [.. _all.Running().Where(process => process.Command.Split(' ')[0].EndsWith($"/{program}", StringComparison.Ordinal)).Select(process => process.Id)];

    /// <returns>Command lines of the processes still running at the timeout.</returns>
    public async Task<IReadOnlyList<string>> RemainingAfterAsync(TimeSpan timeout, CancellationToken cancellation)
    {
        Stopwatch watch = Stopwatch.StartNew();
        while (_all.Running().Any() && watch.Elapsed < timeout)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), cancellation);
        }

        return [.. _all.Running().Select(process => process.Command)];
    }

    /// <summary>Waits until the output contains a text.</summary>
    public async Task WaitForOutputAsync(string text, TimeSpan timeout, CancellationToken cancellation)
    {
        Stopwatch watch = Stopwatch.StartNew();
        while (!Output.Contains(text, StringComparison.Ordinal))
        {
            Assert.True(watch.Elapsed < timeout, $"The host did not print '{text}':\n{Output}");
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

    private async Task FailOnExitAsync()
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
