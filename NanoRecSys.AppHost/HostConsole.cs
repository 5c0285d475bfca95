using System.Diagnostics;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;

namespace NanoRecSys.AppHost;

/// <summary>The addresses of everything, for the closing block.</summary>
internal sealed record HostAddresses(EndpointReference Web, EndpointReference Api, Dashboard Dashboard, HostOptions Options);

/// <summary>The terminal output: every service's log lines after its name, and a block of addresses when recommendations are served.</summary>
internal sealed partial class HostConsole(
    HostAddresses addresses, DistributedApplicationModel model, ResourceLoggerService logs, ResourceNotificationService notifications,
    IConfiguration configuration) : BackgroundService
{
    private const int NameWidth = 8;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);
    private static readonly Lock Gate = new();

    // NO_COLOR is the convention of https://no-color.org.
    private static readonly bool Colored = !Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));

    public static void Say(string text) => Write("host", ConsoleColor.White, text, Console.Out);

    public static void Warn(string text) => Write("host", ConsoleColor.Yellow, text, Console.Error);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        ConsoleColor[] colors = [ConsoleColor.Blue, ConsoleColor.Cyan, ConsoleColor.Green, ConsoleColor.Magenta];
        IResource[] services = [.. model.Resources.Where(resource => resource.Name is "cache" or "api" or "web" or "training")];
        Task[] work =
        [
            .. services.Select((service, i) => ForwardAsync(service, colors[i % colors.Length], stoppingToken)),
            ReportTrainingAsync(stoppingToken),
            AnnounceAsync(stoppingToken),
        ];
        try
        {
            await Task.WhenAll(work);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host is stopping.
        }
    }

    private async Task ForwardAsync(IResource service, ConsoleColor color, CancellationToken stopping)
    {
        await foreach (IReadOnlyList<LogLine> lines in logs.WatchAsync(service).WithCancellation(stopping))
        {
            foreach (LogLine line in lines)
            {
                string text = Timestamp().Replace(line.Content, "");
                if (!OrchestratorLine().IsMatch(text))
                {
                    Write(service.Name, color, Colored ? text : ColorCode().Replace(text, ""), Console.Out);
                }
            }
        }
    }

    private async Task ReportTrainingAsync(CancellationToken stopping)
    {
        HostOptions options = addresses.Options;
        string command = $"dotnet run -c Release --project NanoRecSys.Training -- {string.Join(' ', ProjectExtensions.TrainingArguments(options).Select(Quoted))}";
        if (!options.HasModel)
        {
            Say($"{options.Artifacts} has no model yet. The training resource makes one from '{options.Data}'; the page shows its progress.");
        }
        else if (options.ChoosesTraining)
        {
            Warn($"{options.Artifacts} already has a model, which is served. To train another one with --data and --preset, start 'training' in the dashboard, or run: {command}");
        }

        (string, DateTime?) reported = ("", null); // an exit is reported more than once
        await foreach (ResourceEvent change in notifications.WatchAsync(stopping))
        {
            if (change is { Resource.Name: "training", Snapshot: { ExitCode: { } exitCode and not 0 } snapshot }
                && KnownResourceStates.TerminalStates.Contains(snapshot.State?.Text) && reported != (change.ResourceId, snapshot.StopTimeStamp))
            {
                reported = (change.ResourceId, snapshot.StopTimeStamp);
                Warn($"The training ended with exit code {exitCode}; its last lines above say why. Everything else keeps running. Start 'training' in the dashboard when that is fixed, or run: {command}");
            }
        }
    }

    private async Task AnnounceAsync(CancellationToken stopping)
    {
        using HttpClient http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(30) };
        string web = await addresses.Web.GetValueAsync(stopping) ?? "";
        string api = await addresses.Api.GetValueAsync(stopping) ?? "";
        await UntilAnswersAsync(http, $"{web}/healthz", stopping);
        Say($"The page is at {web} (after {SecondsSinceStart():0.0} s).");
        await UntilAnswersAsync(http, $"{api}/readyz", stopping);
        await UntilAnswersAsync(http, addresses.Dashboard.Url, stopping);
        Say($"""
            Recommendations are served after {SecondsSinceStart():0.0} s. Ctrl+C stops everything.
              Web            {web}
              API            {api}
              API reference  {api}/scalar
              Dashboard      {addresses.Dashboard.LoginUrl(configuration)}
              Artifacts      {addresses.Options.Artifacts}
            """);
    }

    private static async Task UntilAnswersAsync(HttpClient http, string url, CancellationToken stopping)
    {
        while (true)
        {
            try
            {
                using HttpResponseMessage response = await http.GetAsync(new Uri(url), stopping);
                if (response.IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (Exception e) when (e is HttpRequestException || (e is TaskCanceledException && !stopping.IsCancellationRequested))
            {
                // Not listening yet, or too slow to answer.
            }

            await Task.Delay(Interval, stopping);
        }
    }

    [GeneratedRegex("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z ?")]
    private static partial Regex Timestamp();

    // Aspire's own lines about starting a service; the dashboard shows them.
    [GeneratedRegex("^(\\[sys\\] |Waiting for resource |Finished waiting for |No custom certificate )")]
    private static partial Regex OrchestratorLine();

    [GeneratedRegex("\\x1b\\[[0-9;]*m")]
    private static partial Regex ColorCode();

    private static string Quoted(string argument) => argument.Contains(' ') ? $"\"{argument}\"" : argument;

    private static double SecondsSinceStart()
    {
        using Process self = Process.GetCurrentProcess();
        return (DateTime.Now - self.StartTime).TotalSeconds;
    }

    private static void Write(string name, ConsoleColor color, string text, TextWriter writer)
    {
        lock (Gate)
        {
            if (Colored)
            {
                Console.ForegroundColor = color;
                writer.Write(name.PadRight(NameWidth));
                Console.ResetColor();
                writer.WriteLine($" {text}");
            }
            else
            {
                writer.WriteLine($"{name.PadRight(NameWidth)} {text}");
            }
        }
    }
}

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
