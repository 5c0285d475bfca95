[assembly: AssemblyFixture(typeof(NanoRecSys.EndToEndTests.Fixtures.FirstStart))]

// On two cores, starting stacks and rendering pages in parallel is no faster and times out more easily.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]

namespace NanoRecSys.EndToEndTests.Fixtures;

/// <summary>
/// A stack started on an empty artifacts folder, and a browser that watches it from its first page. Training
/// takes most of the time, so all tests share this stack: they check what the fixture recorded, or open its pages.
/// </summary>
public sealed class FirstStart : IAsyncLifetime
{
    private static readonly string[] ChromiumArguments =
    [
        "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--no-first-run", "--disable-quic",
    ];

    // Training takes a minute on two idle cores, and several times as long on a busy machine.
    private static readonly TimeSpan TrainingTimeout = TimeSpan.FromMinutes(15);

    // For one step on a page. On a busy machine a response takes seconds, and these tests do not measure time.
    private static readonly TimeSpan StepTimeout = TimeSpan.FromSeconds(30);

    private readonly TemporaryFolder _artifacts = new();
    private StackProcess? _stack;
    private IPlaywright? _playwright;
    private IBrowser? _browser;
    private Visit? _visit;

    /// <summary>Errors in the browser's console from the training's first page to the first recommendations.</summary>
    public IReadOnlyCollection<string> ErrorsDuringTraining { get; private set; } = [];

    public string Artifacts => _artifacts.Path;
    public Uri Address { get; private set; } = new("http://localhost");
    public Uri Api { get; private set; } = new("http://localhost");
    public Uri Dashboard { get; private set; } = new("http://localhost"); // with the token that logs in
    public string TrainingText { get; private set; } = ""; // first text of the page's training panel; empty if it never appeared
    internal IBrowser Browser => _browser ?? throw new InvalidOperationException("No browser on this machine.");
    internal Visit FirstVisit => _visit ?? throw new InvalidOperationException("No browser on this machine.");
    internal string Output => _stack?.Output ?? "";

    public async ValueTask InitializeAsync()
    {
        if (BuiltStack.BrowserObstacle is not null)
        {
            return;
        }

        _playwright = await Playwright.CreateAsync();
        Assertions.SetDefaultExpectTimeout((float)StepTimeout.TotalMilliseconds);
        _browser = await _playwright.Chromium.LaunchAsync(new() { ExecutablePath = BuiltStack.Chromium, Args = ChromiumArguments });
        _stack = StackProcess.Start(Artifacts);
        Address = await _stack.Address.WaitAsync(TrainingTimeout);
        _visit = await Visit.StartAsync(_browser, Address);
        await _visit.Page.GotoAsync("/");
        ILocator either = _visit.Marked("training-progress").Or(_visit.Marked("recommendation-card")).First;
        await either.WaitForAsync(new() { Timeout = (float)TrainingTimeout.TotalMilliseconds });
        if (await _visit.Marked("training-progress").CountAsync() > 0)
        {
            TrainingText = await _visit.Marked("training-progress").First.InnerTextAsync();
        }

        // If the training fails, this fails at once, with the host's output.
        await _stack.Recommending.WaitAsync(TrainingTimeout);
        (Api, Dashboard) = (_stack.Api, _stack.Dashboard);
        await _visit.Marked("recommendation-card").First.WaitForAsync(new() { Timeout = (float)TrainingTimeout.TotalMilliseconds });
        ErrorsDuringTraining = [.. _visit.Errors];
    }

    /// <summary>Opens a page in a visit of its own; skips the test without a browser.</summary>
    internal async Task<Visit> OpenAsync(string path, Screen? screen = null)
    {
        BuiltStack.RequireBrowser();
        Visit visit = await Visit.StartAsync(Browser, Address, screen);
        await visit.OpenAsync(path);
        return visit;
    }

    public async ValueTask DisposeAsync()
    {
        if (_visit is not null)
        {
            await _visit.DisposeAsync();
        }

        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }

        _playwright?.Dispose();
        if (_stack is not null)
        {
            await _stack.DisposeAsync();
        }

        _artifacts.Dispose();
    }
}
