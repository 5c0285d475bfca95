using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using HealthChecks.Redis;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace NanoRecSys.AppHost;

/// <summary>Garnet, a Redis-protocol server that runs as a project; other resources reference it as a connection string.</summary>
internal sealed class GarnetResource(string name, ParameterResource password) : ProjectResource(name), IResourceWithConnectionString
{
    public const string EndpointName = "tcp";

    public ParameterResource Password { get; } = password;

    public ReferenceExpression ConnectionStringExpression
    {
        get
        {
            EndpointReference endpoint = new(this, EndpointName);
            return ReferenceExpression.Create($"{endpoint.Property(EndpointProperty.IPV4Host)}:{endpoint.Property(EndpointProperty.Port)},password={Password}");
        }
    }
}

/// <summary>Aspire's Redis check, run only if something listens on the port.</summary>
/// <remarks>
/// The client takes 5 s to give up on a port that refuses connections, and Aspire repeats a failed check after 1, 2, 3, ... s: with
/// the plain check alone, the API started 1 to 10 s after the cache was ready.
/// </remarks>
internal sealed class GarnetHealthCheck(GarnetResource garnet, int port) : IHealthCheck
{
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    private RedisHealthCheck? _check;

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        long started = Stopwatch.GetTimestamp();
        while (!await ListensAsync(cancellationToken))
        {
            if (Stopwatch.GetElapsedTime(started) > MaxWait)
            {
                return HealthCheckResult.Unhealthy($"Nothing listens on 127.0.0.1:{port}.");
            }

            await Task.Delay(Interval, cancellationToken);
        }

        _check ??= new RedisHealthCheck((await garnet.ConnectionStringExpression.GetValueAsync(cancellationToken))!);
        return await _check.CheckHealthAsync(context, cancellationToken);
    }

    private async Task<bool> ListensAsync(CancellationToken cancellation)
    {
        try
        {
            using TcpClient client = new();
            await client.ConnectAsync(IPAddress.Loopback, port, cancellation);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}

internal static class CacheResources
{
    /// <summary>Adds Garnet, with a new password at every start: any program on this machine, and any page in its browser, can reach the port.</summary>
    public static IResourceBuilder<GarnetResource> AddGarnet(this IDistributedApplicationBuilder builder, string name, int port)
    {
        // No special characters: a comma ends a value in a connection string.
        ParameterResource password = ParameterResourceBuilderExtensions.CreateDefaultPasswordParameter(builder, $"{name}-password", special: false);
        GarnetResource garnet = new(name, password);
        builder.Services.AddHealthChecks().Add(new HealthCheckRegistration($"{name}_check", new GarnetHealthCheck(garnet, port), failureStatus: null, tags: null));
        return builder.AddResource(garnet)
            .WithAnnotation(new Projects.NanoRecSys_Cache())
            .WithProjectDefaults(new ProjectResourceOptions { ExcludeLaunchProfile = true })
            .WithEndpoint(port: port, scheme: "tcp", name: GarnetResource.EndpointName, env: "Cache__Port", isProxied: false)
            .WithEnvironment("Cache__Password", password)
            .WithHealthCheck($"{name}_check")
            .WithIconName("Database")
            .StartedDirectly();
    }

    /// <summary>Adds a Redis container that acknowledges a write when it is on disk.</summary>
    public static IResourceBuilder<RedisResource> AddDurableRedis(this IDistributedApplicationBuilder builder, string name, int port)
    {
        IResourceBuilder<RedisResource> redis = builder.AddRedis(name, port).WithDataVolume().WithoutHttpsCertificate();

        // Events have no time to live, cached answers do: a full Redis evicts answers and refuses events. /data is the volume.
        string[] options = ["--dir", "/data", "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "volatile-lru"];
        return redis.WithArgs(context =>
        {
            // In a published application the whole command is one shell argument.
            int shell = context.Args.IndexOf("-c");
            if (shell >= 0)
            {
                context.Args[shell + 1] = $"{context.Args[shell + 1]} {string.Join(' ', options)}";
                return;
            }

            foreach (string option in options)
            {
                context.Args.Add(option);
            }
        });
    }
}
