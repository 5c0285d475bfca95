namespace NanoRecSys.AppHost.AspireMode;

/// <summary>
/// Where Aspire's dashboard listens. Usually a launch profile says so; it would also reach the embedded host and
/// its children, and change how they run.
/// </summary>
internal static class DashboardAddresses
{
    private static readonly (string Name, string Value)[] Defaults =
    [
        ("ASPNETCORE_URLS", "http://localhost:15080"),
        ("ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL", "http://localhost:19080"),
        ("ASPIRE_RESOURCE_SERVICE_ENDPOINT_URL", "http://localhost:20080"),
        ("ASPIRE_ALLOW_UNSECURED_TRANSPORT", "true"),
    ];

    /// <summary>Where people look at it; several addresses may be set, the first will do.</summary>
    public static string Page => Environment.GetEnvironmentVariable("ASPNETCORE_URLS")!.Split(';')[0];

    public static void SetDefaults()
    {
        foreach ((string name, string value) in Defaults)
        {
            if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name)))
            {
                Environment.SetEnvironmentVariable(name, value);
            }
        }
    }
}
