using System.Diagnostics;

namespace NanoRecSys.AppHost.Embedded;

/// <summary>The stack: a cache, the API and the web page at once, and a training where no model is yet.</summary>
internal sealed class EmbeddedStack(HostOptions options, BuiltServices built) : IAsyncDisposable
{
    private static readonly TimeSpan PageTimeout = TimeSpan.FromSeconds(60);

    private readonly string _artifacts = options.Artifacts ?? Path.Combine(built.RepositoryRoot, "artifacts");
    private readonly Ports _ports = new();
    private readonly Readiness _readiness = new();
    private readonly List<ServiceProcess> _services = []; // in the order of their start
    private EmbeddedCache? _cache;
    private ChildGuard? _guard;
    private FirstTraining? _training;

    /// <summary>Runs until <paramref name="stop"/> (exit code 0), or until the API or the page fails (1).</summary>
    public async Task<int> RunAsync(CancellationToken stop)
    {
        HostConsole.Say($"This is the embedded host: {HostChoice.Reason}.");
        HostConsole.Say("For the Aspire host: dotnet run --project NanoRecSys.AppHost -p:UseAspire=true");

        string cache = await StartCacheAsync();
        string api = $"http://localhost:{ChoosePort("api", options.ApiPort)}";
        string web = $"http://localhost:{ChoosePort("web", options.WebPort)}";
        ServiceEnvironment environment = new(_artifacts, cache, api);
        _guard = ChildGuard.Start();
        ServiceProcess apiProcess = Keep(ServiceProcess.Start(
            "api", ConsoleColor.Cyan, "NanoRecSys.Api", [], environment.For("api", url: api), _guard));
        ServiceProcess webProcess = Keep(ServiceProcess.Start(
            "web", ConsoleColor.Green, "NanoRecSys.Web", [], environment.For("web", url: web), _guard));
        _training = FirstTraining.Prepare(options, built, _artifacts);
        if (_training is not null)
        {
            Keep(_training.Start(environment.For("training"), _guard));
        }

        try
        {
            Task<string> failure = await Task
                .WhenAny(DeathAsync(apiProcess, stop), DeathAsync(webProcess, stop), AnnounceAsync(api, web, stop))
                .WaitAsync(stop);
            HostConsole.Warn($"{await failure} Everything stops.");
            return 1;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            HostConsole.Say("Stopping.");
            return 0;
        }
    }

    /// <summary>Stops everything, the last started first.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (ServiceProcess service in Enumerable.Reverse(_services))
        {
            await service.DisposeAsync();
        }

        _training?.Dispose();
        _guard?.Dispose();
        _cache?.Dispose();
        _readiness.Dispose();
    }

    private async Task<string> StartCacheAsync()
    {
        if (Environment.GetEnvironmentVariable("ConnectionStrings__cache") is { Length: > 0 } configured)
        {
            HostConsole.Say("Cache: the Redis that ConnectionStrings__cache names.");
            return configured;
        }

        _cache = await EmbeddedCache.StartAsync(_artifacts, ChoosePort("cache", options.CachePort));
        HostConsole.Say($"Cache: {_cache.ConnectionString}, its data in {_cache.Folder}");
        return _cache.ConnectionString;
    }

    private int ChoosePort(string service, int preferred)
    {
        int port = _ports.Next(preferred);
        if (preferred != 0 && port != preferred)
        {
            HostConsole.Warn($"Port {preferred} is taken: {service} listens on {port}.");
        }

        return port;
    }

    private ServiceProcess Keep(ServiceProcess service)
    {
        _services.Add(service);
        return service;
    }

    private static async Task<string> DeathAsync(ServiceProcess service, CancellationToken stop)
    {
        int exitCode = await service.Exited;
        // Ctrl+C reaches the children, too: their end is no failure then.
        await Task.Delay(TimeSpan.FromMilliseconds(500), stop);
        return $"{service.Name} ended with exit code {exitCode}; its last lines above may say why.";
    }

    // Completes only with what went wrong.
    private async Task<string> AnnounceAsync(string api, string web, CancellationToken stop)
    {
        try
        {
            await _readiness.WaitAsync($"{api}/healthz", stop).WaitAsync(PageTimeout, stop);
            await _readiness.WaitAsync(web, stop).WaitAsync(PageTimeout, stop);
        }
        catch (TimeoutException)
        {
            return $"{api}/healthz and {web} did not both answer within {PageTimeout.TotalSeconds:0} s.";
        }

        HostConsole.Say($"First page ready after {SecondsSinceStart():0.0} s. API: {api}");
        HostConsole.Say($"NanoRecSys is at {web}");
        await _readiness.WaitAsync($"{api}/readyz", stop);
        HostConsole.Say($"First recommendation ready after {SecondsSinceStart():0.0} s, at {web}");
        await Task.Delay(Timeout.Infinite, stop);
        throw new UnreachableException();
    }

    private static double SecondsSinceStart()
    {
        using Process self = Process.GetCurrentProcess();
        return (DateTime.Now - self.StartTime).TotalSeconds;
    }
}
