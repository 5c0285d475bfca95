using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Configuration;
using NanoRecSys.Contracts;
using StackExchange.Redis;

namespace NanoRecSys.ServiceDefaults;

/// <summary>Describes this process. Only settings named here are shown, so that a new setting cannot leak a secret.</summary>
internal static class HostReportReader
{
    private static readonly string[] Plain =
    [
        "ASPNETCORE_URLS", "DefaultUrl", "OTEL_SERVICE_NAME", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "AllowedHosts", "services:api:http:0", "ASPIRE_DASHBOARD_URL",
        "Security:RequestsPerSecond", "Security:Burst",
    ];

    // All settings below these sections are ours, and none is a secret.
    private static readonly string[] Sections = ["Artifacts", "Recommendations", "Overload", "Server", "Index", "Models", "Logging:LogLevel"];

    private static readonly string[] Keys = ["Security:ReadKeys", "Security:WriteKeys", "Security:AdminKeys", "Security:CorsOrigins", "Security:KnownProxies"];

    private static readonly string[] PlainKeys = ["Api:ReadKey", "Api:WriteKey"]; // sent in plain text

    public static HostReport Read(string service, IConfiguration configuration)
    {
        using var process = Process.GetCurrentProcess();
        return new HostReport(
            service, process.StartTime.ToUniversalTime(), RuntimeInformation.FrameworkDescription, RuntimeInformation.OSDescription,
            Environment.ProcessorCount, process.WorkingSet64, GC.GetTotalMemory(forceFullCollection: false), process.Threads.Count,
            [.. Settings(configuration).OfType<HostSetting>().OrderBy(setting => setting.Name, StringComparer.Ordinal)]);
    }

    private static IEnumerable<HostSetting?> Settings(IConfiguration configuration) =>
    [
        .. Plain.Select(name => Setting(name, configuration[name], WithoutUserInfo)),
        .. Sections.SelectMany(section => configuration.GetSection(section).AsEnumerable()).Select(setting => Setting(setting.Key, setting.Value, value => value)),
        .. Keys.Select(name => configuration.GetSection(name).GetChildren().Count() is > 0 and var count ? new HostSetting(name, $"{count} set") : null),
        .. PlainKeys.Select(name => Setting(name, configuration[name], _ => "set")),
        Setting($"ConnectionStrings:{RedisConnection.ConnectionName}", configuration.GetConnectionString(RedisConnection.ConnectionName), Connection),
    ];

    // Null for a setting without a value.
    private static HostSetting? Setting(string name, string? value, Func<string, string> show) =>
        string.IsNullOrEmpty(value) ? null : new HostSetting(name, show(value));

    // Only the address and whether it is encrypted: names, passwords and other parts are not shown.
    private static string Connection(string text)
    {
        ConfigurationOptions options = ConfigurationOptions.Parse(text, ignoreUnknown: true);
        return string.Join(", ", options.EndPoints.Select(end => $"{end}".Replace("Unspecified/", "", StringComparison.Ordinal)))
            + (options.Ssl ? ", encrypted" : "") + (string.IsNullOrEmpty(options.Password) ? "" : ", with a password");
    }

    // An address may contain credentials: http://name:password@host.
    private static string WithoutUserInfo(string value) =>
        Uri.TryCreate(value, UriKind.Absolute, out Uri? address) && address.UserInfo.Length > 0
            ? new UriBuilder(address) { UserName = "", Password = "" }.Uri.ToString()
            : value;
}
