using System.ComponentModel;

namespace NanoRecSys.EndToEndTests.Fixtures;

/// <summary>Docker or Podman, if one runs on this machine.</summary>
internal sealed record ContainerEngine(string Name)
{
    /// <summary>Skips the test if no engine answers: an installed client alone is not enough.</summary>
    public static async Task<ContainerEngine> FindAsync(CancellationToken cancellation)
    {
        foreach (string name in new[] { "docker", "podman" })
        {
            if (await TryRunAsync(name, cancellation, "ps") is not null)
            {
                return new ContainerEngine(name);
            }
        }

        Assert.Skip("No container engine runs here: neither 'docker ps' nor 'podman ps' succeeds.");
        return null;
    }

    /// <summary>Skips the test if the image is not present: tests download nothing.</summary>
    public async Task RequireImageAsync(string image, CancellationToken cancellation)
    {
        if (await TryRunAsync(Name, cancellation, "image", "inspect", image) is null)
        {
            Assert.Skip($"{Name} does not have the image {image}. Run '{Name} pull {image}' first.");
        }
    }

    public async Task<string> RunAsync(CancellationToken cancellation, params string[] arguments) =>
        await TryRunAsync(Name, cancellation, arguments) ?? throw new InvalidOperationException($"{Name} {string.Join(' ', arguments)} failed.");

    private static async Task<string?> TryRunAsync(string name, CancellationToken cancellation, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(name, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            Task<string> error = process.StandardError.ReadToEndAsync(cancellation);
            string output = await process.StandardOutput.ReadToEndAsync(cancellation);
            await error;
            await process.WaitForExitAsync(cancellation);
            return process.ExitCode == 0 ? output : null;
        }
        catch (Win32Exception)
        {
            return null; // not installed
        }
    }
}
