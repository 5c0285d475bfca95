using System.ComponentModel;
using System.Diagnostics;

namespace NanoRecSys.AppHost.AspireMode;

/// <summary>Whether a container engine runs here: the engine is asked, since its client alone proves nothing.</summary>
internal static class ContainerEngine
{
    public const string Absent =
        "Aspire runs Redis in a container, and no container engine answers here ('docker ps', 'podman ps'). Start one; " +
        "or name a Redis of yours: ConnectionStrings__cache=HOST:PORT; " +
        "or use the embedded host: dotnet run --project NanoRecSys.AppHost -p:UseAspire=false";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public static async Task<bool> AnswersAsync()
    {
        // The variable with which Aspire itself is told which one to use.
        string[] engines = Environment.GetEnvironmentVariable("ASPIRE_CONTAINER_RUNTIME") is { Length: > 0 } chosen
            ? [chosen]
            : ["docker", "podman"];
        bool[] answers = await Task.WhenAll(engines.Select(AnswersAsync));
        return answers.Contains(true);
    }

    private static async Task<bool> AnswersAsync(string engine)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(engine, ["ps", "--quiet"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            process.OutputDataReceived += (_, _) => { };
            process.ErrorDataReceived += (_, _) => { };
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            using CancellationTokenSource patience = new(Patience);
            try
            {
                await process.WaitForExitAsync(patience.Token);
                return process.ExitCode == 0;
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                return false;
            }
        }
        catch (Win32Exception)
        {
            return false; // Not installed.
        }
    }
}
