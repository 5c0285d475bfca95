using System.Text.RegularExpressions;
using NanoRecSys.Benchmarks.Stack;

namespace NanoRecSys.Benchmarks.Start;

/// <summary>
/// The command <c>start</c>: time from the AppHost's command to the page and to the first recommendations, with an empty
/// artifacts folder (it trains the sample) and with the resulting folder. The host prints the times.
/// </summary>
internal static partial class StartCommand
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(15);

    public static Command Create()
    {
        Option<int> starts = new("--starts") { Description = "Starts of each kind.", DefaultValueFactory = _ => 3 };
        Option<FileInfo?> host = new("--host") { Description = "NanoRecSys.AppHost.dll; default: the one built in this configuration." };
        Command command = new("start", "Seconds from the AppHost's command to the page and to recommendations: first and later starts. Needs Linux or macOS.")
        {
            starts, host,
        };
        command.SetAction((parsed, cancellationToken) => RunAsync(
            parsed.GetValue(starts), parsed.GetValue(host)?.FullName ?? LocalStack.Built("NanoRecSys.AppHost"), parsed.GetValue(JsonLine.Option), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(int starts, string host, bool json, CancellationToken cancellationToken)
    {
        if (!File.Exists(host))
        {
            throw new FileNotFoundException($"The AppHost was not found at {host}. Build the solution in this configuration, or set --host.");
        }

        List<StartTimes> first = [], later = [];
        for (int i = 1; i <= starts; i++)
        {
            DirectoryInfo artifacts = Directory.CreateTempSubdirectory("nanorecsys-start-");
            try
            {
                first.Add(await StartAsync(host, artifacts.FullName, cancellationToken));
                later.Add(await StartAsync(host, artifacts.FullName, cancellationToken));
                Console.Error.WriteLine($"{i} of {starts}: first {first[^1]}, later {later[^1]}");
            }
            finally
            {
                artifacts.Delete(recursive: true);
            }
        }

        StartTimes firstMedian = Median(first), laterMedian = Median(later);
        Table table = new Table().AddColumns("median of " + starts, "page, s", "recommendations, s");
        table.AddRow("first start, with training", $"{firstMedian.Page:0.0}", $"{firstMedian.Recommendations:0.0}");
        table.AddRow("later start", $"{laterMedian.Page:0.0}", $"{laterMedian.Recommendations:0.0}");
        AnsiConsole.Write(table);
        JsonLine.Write(
            json, new { benchmark = "start", starts, first = firstMedian, later = laterMedian, all_first = first, all_later = later }, JsonSerializerOptions.Web);

        return 0;
    }

    private static async Task<StartTimes> StartAsync(string host, string artifacts, CancellationToken cancellationToken)
    {
        using Process process = Process.Start(
            new ProcessStartInfo("dotnet", [host, "--artifacts", artifacts]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        try
        {
            double? page = null;
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(Limit);
            while (await process.StandardOutput.ReadLineAsync(limit.Token) is string line)
            {
                page ??= Match(PageLine(), line);
                if (Match(ServedLine(), line) is double served && page is double shown)
                {
                    return new StartTimes(shown, served);
                }
            }

            throw new InvalidOperationException("The AppHost ended before it served recommendations; start it manually to see why.");
        }
        finally
        {
            // A signal that it can handle: if killed, it would leave its services to the orchestrator's timeout.
            using (Process kill = Process.Start("kill", ["-TERM", $"{process.Id}"]))
            {
                await kill.WaitForExitAsync(CancellationToken.None);
            }

            await process.StandardOutput.ReadToEndAsync(CancellationToken.None);
            await process.WaitForExitAsync(CancellationToken.None);
        }
    }

    private static double? Match(Regex pattern, string line) =>
        pattern.Match(line) is { Success: true } match ? double.Parse(match.Groups[1].Value) : null;

    private static StartTimes Median(List<StartTimes> times) => new(
        times.Select(time => time.Page).Order().ElementAt(times.Count / 2), times.Select(time => time.Recommendations).Order().ElementAt(times.Count / 2));

    [GeneratedRegex(@"The page is at \S+ \(after ([0-9.]+) s\)")]
    private static partial Regex PageLine();

    [GeneratedRegex("Recommendations are served after ([0-9.]+) s")]
    private static partial Regex ServedLine();
}

/// <param name="Page">Seconds from the command to a page that answers.</param>
/// <param name="Recommendations">Seconds from the command to an API that serves recommendations.</param>
internal sealed record StartTimes(double Page, double Recommendations)
{
    public override string ToString() => $"{Page:0.0} s / {Recommendations:0.0} s";
}
