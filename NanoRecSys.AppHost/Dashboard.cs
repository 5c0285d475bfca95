using Microsoft.Extensions.Configuration;

namespace NanoRecSys.AppHost;

/// <summary>Addresses of Aspire's dashboard and the settings that usually come from a launch profile.</summary>
/// <param name="Url">The page's address, without the login token.</param>
internal sealed record Dashboard(string Url, DistributedApplicationOptions Settings)
{
    /// <summary>Takes each address from the environment if it is set; otherwise uses the default port or the next free one.</summary>
    public static Dashboard Choose(Ports ports)
    {
        string url = Setting("ASPNETCORE_URLS") ?? Address(15080);
        Dictionary<string, string> settings = new()
        {
            ["ASPNETCORE_URLS"] = url,
            ["ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL"] = Setting("ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL") ?? Address(19080),
            ["ASPIRE_RESOURCE_SERVICE_ENDPOINT_URL"] = Setting("ASPIRE_RESOURCE_SERVICE_ENDPOINT_URL") ?? Address(20080),
            ["ASPIRE_ALLOW_UNSECURED_TRANSPORT"] = Setting("ASPIRE_ALLOW_UNSECURED_TRANSPORT") ?? "true", // loopback, no certificate needed
            ["ASPIRE_VERSION_CHECK_DISABLED"] = Setting("ASPIRE_VERSION_CHECK_DISABLED") ?? "true",
            // The host ends when every process has ended, 1.4 to 2.6 s after Ctrl+C. Without this, processes outlive it by up to 13 s.
            ["DcpPublisher:WaitForResourceCleanup"] = "true",
            ["Logging:LogLevel:Default"] = "Warning",
            ["Logging:LogLevel:Microsoft.Extensions.Hosting"] = "None", // AppHost.cs prints why a start failed
        };
        return new Dashboard(url.Split(';')[0], new DistributedApplicationOptions
        {
            Args = [.. settings.Select(setting => $"--{setting.Key}={setting.Value}"), .. Environment.GetCommandLineArgs().SkipWhile(arg => arg is not ("--operation" or "--publisher"))],
        });

        string Address(int port) => $"http://localhost:{ports.Next(port)}";
    }

    /// <summary>The address with a login token.</summary>
    public string LoginUrl(IConfiguration configuration) =>
        configuration["AppHost:BrowserToken"] is { Length: > 0 } token ? $"{Url}/login?t={token}" : Url;

    private static string? Setting(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
