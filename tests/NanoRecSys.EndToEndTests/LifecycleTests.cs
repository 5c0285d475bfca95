using System.Diagnostics;
using NanoRecSys.EndToEndTests.Fixtures;

namespace NanoRecSys.EndToEndTests;

[Collection(nameof(LifecycleTests))]
[CollectionDefinition(nameof(LifecycleTests), DisableParallelization = true)]
public sealed class LifecycleTests : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TemporaryFolder _artifacts = new();
    private StackProcess? _stack;

    [Fact]
    public async Task Ctrl_C_during_a_training_leaves_no_process_behind()
    {
        StackProcess stack = await StartAsync();
        Assert.Contains(stack.LivingProcesses(), process => process.Contains("NanoRecSys.Training.dll", StringComparison.Ordinal));

        int exitCode = await stack.PressCtrlCAsync(TimeSpan.FromSeconds(10));

        Assert.Equal(0, exitCode);
        Assert.Empty(stack.LivingProcesses());
    }

    [Fact]
    public async Task Killing_the_host_leaves_no_process_behind()
    {
        StackProcess stack = await StartAsync();

        await stack.KillHostAsync();

        Stopwatch watch = Stopwatch.StartNew();
        while (stack.LivingProcesses().Count > 0 && watch.Elapsed < TimeSpan.FromSeconds(10))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), TestContext.Current.CancellationToken);
        }

        Assert.Empty(stack.LivingProcesses());
    }

    [Fact]
    public async Task A_dead_service_ends_the_stack_with_its_exit_code_in_the_last_words()
    {
        StackProcess stack = await StartAsync();

        int exitCode = await stack.KillServiceAsync("NanoRecSys.Api.dll", TimeSpan.FromSeconds(15));

        Assert.Equal(1, exitCode);
        Assert.Contains("api ended with exit code 137", stack.Output, StringComparison.Ordinal);
        Assert.Empty(stack.LivingProcesses());
    }

    public async ValueTask DisposeAsync()
    {
        if (_stack is not null)
        {
            await _stack.DisposeAsync();
        }

        _artifacts.Dispose();
    }

    // Returns while the first training runs.
    private async Task<StackProcess> StartAsync()
    {
        Assert.SkipWhen(BuiltStack.Obstacle is not null, BuiltStack.Obstacle ?? "");
        _stack = StackProcess.Start(_artifacts.Path);
        await _stack.Address.WaitAsync(Patience, TestContext.Current.CancellationToken);
        return _stack;
    }
}
