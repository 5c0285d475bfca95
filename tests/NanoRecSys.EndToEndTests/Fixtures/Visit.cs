using System.Collections.Concurrent;
using System.Text.RegularExpressions;

namespace NanoRecSys.EndToEndTests.Fixtures;

/// <summary>One page in the browser, and everything that went wrong on it.</summary>
internal sealed class Visit : IAsyncDisposable
{
    private const int MostTabs = 300;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly IBrowserContext _context;
    private readonly ConcurrentQueue<string> _errors = [];
    private readonly ConcurrentQueue<string> _foreignRequests = [];

    private Visit(IBrowserContext context, IPage page)
    {
        _context = context;
        Page = page;
        page.Console += (_, message) =>
        {
            if (message.Type == "error")
            {
                _errors.Enqueue($"{message.Text} ({message.Location})");
            }
        };
        page.PageError += (_, error) => _errors.Enqueue(error);
        page.Request += (_, request) =>
        {
            if (new Uri(request.Url) is { Scheme: not ("data" or "blob"), IsLoopback: false } foreign)
            {
                _foreignRequests.Enqueue(foreign.ToString());
            }
        };
    }

    public IPage Page { get; }
    public IReadOnlyCollection<string> Errors => _errors; // errors of the browser's console and uncaught ones
    public IReadOnlyCollection<string> ForeignRequests => _foreignRequests; // requests that left this machine, or would have

    public static async Task<Visit> StartAsync(IBrowser browser, Uri address, Screen? screen = null)
    {
        IBrowserContext context = await browser.NewContextAsync((screen ?? Screen.Desktop).Options(address));
        await context.AddInitScriptAsync("addEventListener('focusin', e => window.headingHadFocus ||= e.target.tagName === 'H1')");
        return new Visit(context, await context.NewPageAsync());
    }

    /// <summary>Opens a page and waits until it answers clicks and keys: a prerendered page does not yet, and the router then moves the focus to the heading.</summary>
    public async Task OpenAsync(string path)
    {
        await Page.GotoAsync(path);
        await Page.Locator("[data-interactive=true]").WaitForAsync(new() { State = WaitForSelectorState.Attached });
        await UntilAsync("window.headingHadFocus === true");
    }

    /// <summary>Waits until an expression is true. Playwright's own wait evaluates text inside the page, which the page's script policy forbids.</summary>
    public async Task UntilAsync(string expression)
    {
        Stopwatch watch = Stopwatch.StartNew();
        while (!await IsTrueAsync(expression))
        {
            Assert.True(watch.Elapsed < Patience, $"Not true after {Patience.TotalSeconds:0} s: {expression}");
            await Task.Delay(TimeSpan.FromMilliseconds(50));
        }
    }

    /// <summary>Bytes that came over the wire meanwhile, compressed as they were.</summary>
    public async Task<double> CountBytesAsync(Func<Task> act)
    {
        ICDPSession network = await _context.NewCDPSessionAsync(Page);
        await network.SendAsync("Network.enable");
        double bytes = 0;
        network.Event("Network.loadingFinished").OnEvent += (_, e) => bytes += e?.GetProperty("encodedDataLength").GetDouble() ?? 0;
        await act();
        return bytes;
    }

    /// <summary>How much of the page moved by itself since it was opened: the sum of all layout shifts.</summary>
    public Task<double> ReadLayoutShiftAsync() => Page.EvaluateAsync<double>("""
        () => new Promise(done => {
          let sum = 0;
          new PerformanceObserver(list => { for (const shift of list.getEntries()) sum += shift.hadRecentInput ? 0 : shift.value; })
            .observe({ type: 'layout-shift', buffered: true });
          requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(sum))));
        })
        """);

    /// <summary>What moved, and from where to where; for the message of a test.</summary>
    public Task<string> DescribeLayoutShiftsAsync() => Page.EvaluateAsync<string>("""
        () => new Promise(done => {
          const moves = [];
          const at = box => `${Math.round(box.x)},${Math.round(box.y)} ${Math.round(box.width)}x${Math.round(box.height)}`;
          new PerformanceObserver(list => { for (const shift of list.getEntries()) for (const source of shift.sources)
            moves.push(`${shift.value.toFixed(3)}: ${(source.node?.outerHTML ?? source.node?.textContent ?? '').slice(0, 90)} from ${at(source.previousRect)} to ${at(source.currentRect)}`); })
            .observe({ type: 'layout-shift', buffered: true });
          requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(moves.join('\n')))));
        })
        """);

    /// <summary>Looks again and again until the address holds the part. Waiting for a navigation would miss one that happens before the wait begins.</summary>
    public Task ExpectAddressAsync(string part) => Assertions.Expect(Page).ToHaveURLAsync(new Regex(Regex.Escape(part)));

    /// <summary>Reaches an element with nothing but Tab, from the end of the page on from its beginning.</summary>
    public async Task TabToAsync(string selector)
    {
        for (int i = 0; i < MostTabs; i++)
        {
            await Page.Keyboard.PressAsync("Tab");
            if (await Page.EvaluateAsync<bool>("selector => document.activeElement?.matches(selector) === true", selector))
            {
                return;
            }
        }

        Assert.Fail($"The keyboard does not reach {selector}.");
    }

    /// <summary>As <see cref="TabToAsync"/>, then a key.</summary>
    public async Task PressAsync(string selector, string key)
    {
        await TabToAsync(selector);
        await Page.Keyboard.PressAsync(key);
    }

    public ILocator Marked(string testId) => Page.Locator($"[data-testid={testId}]");

    private async Task<bool> IsTrueAsync(string expression)
    {
        try
        {
            return await Page.EvaluateAsync<bool>(expression);
        }
        catch (PlaywrightException e) when (e.Message.Contains("context was destroyed", StringComparison.Ordinal))
        {
            return false; // the page is loading again
        }
    }

    public ValueTask DisposeAsync() => _context.DisposeAsync();
}
