using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Xunit.Sdk;

namespace NanoRecSys.EndToEndTests.Fixtures;

/// <summary>One page in the browser, with its errors and its requests to other hosts.</summary>
internal sealed class Visit : IAsyncDisposable
{
    private const int MaxTabs = 300;
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(90);

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
    public IReadOnlyCollection<string> Errors => _errors; // console errors and uncaught exceptions
    public IReadOnlyCollection<string> ForeignRequests => _foreignRequests; // requests to other machines, including failed ones

    public static async Task<Visit> StartAsync(IBrowser browser, Uri address, Screen? screen = null)
    {
        IBrowserContext context = await browser.NewContextAsync((screen ?? Screen.Desktop).Options(address));
        await context.AddInitScriptAsync("addEventListener('focusin', e => window.headingHadFocus ||= e.target.tagName === 'H1')");
        return new Visit(context, await context.NewPageAsync());
    }

    /// <summary>Opens a page and waits until it is interactive, which it is not while prerendered, and the router has focused the heading.</summary>
    public async Task OpenAsync(string path)
    {
        await Page.GotoAsync(path);
        await Page.Locator("[data-interactive=true]").WaitForAsync(new() { State = WaitForSelectorState.Attached });
        await WaitUntilAsync("window.headingHadFocus === true");
    }

    /// <summary>Polls until an expression is true. Playwright's own wait evaluates text inside the page, which its script policy forbids.</summary>
    public async Task WaitUntilAsync(string expression)
    {
        Stopwatch watch = Stopwatch.StartNew();
        while (!await IsTrueAsync(expression))
        {
            Assert.True(watch.Elapsed < Timeout, $"Not true after {Timeout.TotalSeconds:0} s: {expression}");
            await Task.Delay(TimeSpan.FromMilliseconds(50));
        }
    }

    /// <summary>Bytes received over the network during <paramref name="act"/>, compressed.</summary>
    public async Task<double> CountBytesAsync(Func<Task> act)
    {
        ICDPSession network = await _context.NewCDPSessionAsync(Page);
        await network.SendAsync("Network.enable");
        double bytes = 0;
        network.Event("Network.loadingFinished").OnEvent += (_, e) => bytes += e?.GetProperty("encodedDataLength").GetDouble() ?? 0;
        await act();
        return bytes;
    }

    /// <summary>Sum of all layout shifts since the page was opened, except those after input.</summary>
    public Task<double> ReadLayoutShiftAsync() => Page.EvaluateAsync<double>("""
        () => new Promise(done => {
          let sum = 0;
          new PerformanceObserver(list => { for (const shift of list.getEntries()) sum += shift.hadRecentInput ? 0 : shift.value; })
            .observe({ type: 'layout-shift', buffered: true });
          requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(sum))));
        })
        """);

    /// <summary>What moved, from where to where, for failure messages.</summary>
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

    /// <summary>Polls until the address contains <paramref name="part"/>. Waiting for a navigation would miss one that happened before the wait.</summary>
    public Task ExpectAddressAsync(string part) => Assertions.Expect(Page).ToHaveURLAsync(new Regex(Regex.Escape(part)));

    /// <summary>Presses Tab until an element has the focus, wrapping around at the end of the page.</summary>
    /// <returns>The element.</returns>
    public async Task<IElementHandle> TabToAsync(string selector)
    {
        for (int i = 0; i < MaxTabs; i++)
        {
            await Page.Keyboard.PressAsync("Tab");
            if (await Page.EvaluateHandleAsync("selector => document.activeElement?.matches(selector) ? document.activeElement : null", selector) is IElementHandle element)
            {
                return element;
            }
        }

        throw new XunitException($"The keyboard does not reach {selector}.");
    }

    /// <summary>Presses a key on the element that <see cref="TabToAsync"/> reaches, even if the page moves the focus meanwhile, as it does after
    /// a navigation.</summary>
    public async Task PressAsync(string selector, string key)
    {
        IElementHandle element = await TabToAsync(selector);
        await element.PressAsync(key);
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
            return false; // the page is reloading
        }
    }

    public ValueTask DisposeAsync() => _context.DisposeAsync();
}
