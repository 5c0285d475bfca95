namespace NanoRecSys.AppHost.Embedded;

/// <summary>
/// The variables that a service is given, under the names that Aspire gives them, so that no service knows
/// which host started it. OTEL_EXPORTER_OTLP_* of the host's own environment reach it by inheritance.
/// </summary>
/// <param name="Artifacts">The artifacts folder, absolute.</param>
/// <param name="Cache">A StackExchange.Redis connection string.</param>
/// <param name="Api">The API's address.</param>
internal sealed record ServiceEnvironment(string Artifacts, string Cache, string Api)
{
    /// <param name="service">The service's name in traces.</param>
    /// <param name="url">Where it listens, if it does.</param>
    public IReadOnlyDictionary<string, string> For(string service, string? url = null)
    {
        Dictionary<string, string> variables = new()
        {
            ["Artifacts__Path"] = Artifacts,
            ["ConnectionStrings__cache"] = Cache,
            ["OTEL_SERVICE_NAME"] = service,
            ["OTEL_RESOURCE_ATTRIBUTES"] = WithInstance(Environment.GetEnvironmentVariable("OTEL_RESOURCE_ATTRIBUTES"), service),
            ["services__api__http__0"] = Api,
        };
        if (url is not null)
        {
            variables["ASPNETCORE_URLS"] = url;
        }

        return variables;
    }

    // Unique among the hosts of a machine, too; what the user set beside it stays.
    private static string WithInstance(string? inherited, string service)
    {
        string instance = $"service.instance.id={service}-{Guid.NewGuid():N}";
        return string.IsNullOrWhiteSpace(inherited) ? instance : $"{inherited.TrimEnd(',', ' ')},{instance}";
    }
}
