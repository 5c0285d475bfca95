using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace NanoRecSys.Api.Http;

/// <summary>The server's limits on bodies, connections and slow clients, its JSON conventions, and how it stops.</summary>
internal static class Server
{
    // The largest useful body, a session of several thousand item ids, needs a fraction of this.
    private const long MaxBodyBytes = 64 * 1024;

    // Requests and responses have a few kilobytes: a client this slow only occupies a connection.
    private static readonly MinDataRate SlowestClient = new(bytesPerSecond: 4096, gracePeriod: TimeSpan.FromSeconds(5));
    private static readonly TimeSpan LongestHeaders = TimeSpan.FromSeconds(10);

    private const int FewFiles = 4096;
    private const int KestrelLines = 100; // in 10 seconds

    public static void AddServer(this WebApplicationBuilder builder)
    {
        builder.AddSettings<ServerOptions>(ServerOptions.Section);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            ServerOptions options = kestrel.ApplicationServices.GetRequiredService<IOptions<ServerOptions>>().Value;
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxBodyBytes;
            kestrel.Limits.MinRequestBodyDataRate = SlowestClient;
            kestrel.Limits.MinResponseDataRate = SlowestClient;
            kestrel.Limits.RequestHeadersTimeout = LongestHeaders;
            kestrel.Limits.MaxConcurrentConnections = MostConnections(options);
        });
        // Clients can cause these log lines: one for every refused connection, and others up to level critical.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel.Connections", LogLevel.Error);
        var lines = new TokenBucketRateLimiter(new TokenBucketRateLimiterOptions { TokenLimit = KestrelLines, TokensPerPeriod = KestrelLines, ReplenishmentPeriod = TimeSpan.FromSeconds(10) });
        builder.Logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel", level => level >= LogLevel.Warning && lines.AttemptAcquire().IsAcquired);
        builder.Services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, ApiJson.Default);
            json.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            json.SerializerOptions.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        });
        builder.Services.AddBackground<Drain>();
        builder.Services.AddOptions<HostOptions>().Configure<IOptions<ServerOptions>>(
            (host, server) => host.ShutdownTimeout = server.Value.DrainDelay + server.Value.DrainTimeout);
    }

    /// <summary>Warns if the process may open few files, which limits its connections.</summary>
    public static void WarnOfFewFiles(this WebApplication app)
    {
        if (ServerOptions.FileLimit() is { } files and < FewFiles)
        {
            app.Logger.LogWarning(
                "This process may open {Files} files, so it accepts at most {Connections} connections at a time. Raise the limit (ulimit -n, or LimitNOFILE of a systemd unit).",
                files, MostConnections(app.Services.GetRequiredService<IOptions<ServerOptions>>().Value));
        }
    }

    private static long? MostConnections(ServerOptions options)
    {
        long? possible = ServerOptions.FileLimit() - ServerOptions.ReservedFiles;
        return options.MaxConnections > 0 ? Math.Min(options.MaxConnections, possible ?? long.MaxValue) : possible;
    }
}

/// <summary>
/// Stops without losing a request: first <c>/readyz</c> answers 503, so that load balancers send no more requests; after the
/// delay the server stops listening and finishes the requests in progress, until the time-out.
/// </summary>
internal sealed class Drain(IOptions<ServerOptions> options) : IHostedLifecycleService
{
    private volatile bool _hasBegun;

    public bool HasBegun => _hasBegun;

    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        _hasBegun = true;
        return Task.Delay(options.Value.DrainDelay, cancellationToken);
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

internal sealed class ServerOptions : IValidatableObject
{
    public const string Section = "Server";

    /// <summary>
    /// For assemblies (260 when the server starts to listen, up to 430), artifacts, Redis, and connections beyond the limit that wait to be closed. If
    /// none is left, the runtime cannot load code, and the process aborts or stops answering.
    /// </summary>
    public const int ReservedFiles = 768;

    private const int LeastFiles = 896;

    /// <summary>Maximum number of connections; 0, or more than the process may open, means as many as its limit of open files allows.</summary>
    [Range(0, int.MaxValue)]
    public int MaxConnections { get; set; }

    /// <summary>Time between the 503 of <c>/readyz</c> and the end of listening.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00")]
    public TimeSpan DrainDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Time for requests in progress to finish before they are cut off.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(5);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (FileLimit() is { } files and < LeastFiles)
        {
            yield return new ValidationResult($"This process may open {files} files but needs at least {LeastFiles}. Raise the limit (ulimit -n, or LimitNOFILE of a systemd unit).");
        }
    }

    /// <returns>Null if the system does not report it.</returns>
    public static long? FileLimit()
    {
        const string Limits = "/proc/self/limits"; // "Max open files            1024                 4096                 files"
        string? line = File.Exists(Limits) ? File.ReadLines(Limits).FirstOrDefault(line => line.StartsWith("Max open files", StringComparison.Ordinal)) : null;
        return long.TryParse(line?.Split(' ', StringSplitOptions.RemoveEmptyEntries)[3], NumberStyles.None, CultureInfo.InvariantCulture, out long files) ? files : null;
    }
}
