using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Configuration;
using NanoRecSys.Contracts;
using StackExchange.Redis;

namespace NanoRecSys.ServiceDefaults;

/// <summary>Describes this process. Settings are named here one by one: a setting that nobody thought of is not shown.</summary>
internal static class HostReportReader
{
    private static readonly string[] Plain =
    [
        "ASPNETCORE_URLS", "DefaultUrl", "OTEL_SERVICE_NAME", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "AllowedHosts", "services:api:http:0", "ASPIRE_DASHBOARD_URL",
        "Security:RequestsPerSecond", "Security:Burst",
    ];

    // Everything below these is ours, and none of it is a secret.
    private static readonly string[] Sections = ["Artifacts", "Recommendations", "Overload", "Server", "Index", "Models", "Logging:LogLevel"];

    private static readonly string[] Keys = ["Security:ReadKeys", "Security:WriteKeys", "Security:AdminKeys", "Security:CorsOrigins", "Security:KnownProxies"];

    private static readonly string[] PlainKeys = ["Api:ReadKey", "Api:WriteKey"]; // in plain text, as they are sent

    public static HostReport Read(string service, IConfiguration configuration)
    {
        using var process = Process.GetCurrentProcess();
        return new HostReport(
            service, process.StartTime.ToUniversalTime(), RuntimeInformation.FrameworkDescription, RuntimeInformation.OSDescription,
            Environment.ProcessorCount, process.WorkingSet64, GC.GetTotalMemory(forceFullCollection: false), process.Threads.Count,
            [.. Settings(configuration).OrderBy(setting => setting.Name, StringComparer.Ordinal)]);
    }

    private static IEnumerable<HostSetting> Settings(IConfiguration configuration)
    {
        foreach (string name in Plain)
        {
            if (configuration[name] is { Length: > 0 } value)
            {
                yield return new HostSetting(name, WithoutUserInfo(value));
            }
        }

        foreach ((string name, string? value) in Sections.SelectMany(section => configuration.GetSection(section).AsEnumerable()))
        {
            if (value is { Length: > 0 })
            {
                yield return new HostSetting(name, value);
            }
        }

        foreach (string name in Keys)
        {
            if (configuration.GetSection(name).GetChildren().Count() is > 0 and var count)
            {
                yield return new HostSetting(name, $"{count} set");
            }
        }

        foreach (string name in PlainKeys.Where(name => configuration[name] is { Length: > 0 }))
        {
            yield return new HostSetting(name, "set");
        }

        if (configuration.GetConnectionString(RedisConnection.ConnectionName) is { Length: > 0 } cache)
        {
            yield return new HostSetting($"ConnectionStrings:{RedisConnection.ConnectionName}", Connection(cache));
        }
    }

    // Only where it leads and whether it is encrypted: names, passwords and what else it may hold stay here.
    private static string Connection(string text)
    {
        ConfigurationOptions options = ConfigurationOptions.Parse(text, ignoreUnknown: true);
        return string.Join(", ", options.EndPoints.Select(end => $"{end}".Replace("Unspecified/", "", StringComparison.Ordinal)))
            + (options.Ssl ? ", encrypted" : "") + (string.IsNullOrEmpty(options.Password) ? "" : ", with a password");
    }

    // http://name:password@host is an address, too.
    private static string WithoutUserInfo(string value) =>
        Uri.TryCreate(value, UriKind.Absolute, out Uri? address) && address.UserInfo.Length > 0
            ? new UriBuilder(address) { UserName = "", Password = "" }.Uri.ToString()
            : value;
}
