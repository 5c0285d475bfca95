namespace NanoRecSys.IntegrationTests.Faults;

public sealed class DiskFullTests(TrainedArtifacts trained) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_publish_on_a_full_disk_fails_with_one_line_and_leaves_the_served_version()
    {
        Assert.SkipUnless(await RunAsync("true") is (0, _, _), "This system does not let a process mount a small disk (unshare).");
        StepContext context = await trained.CopyAsync(_folder.File("store"));
        ArtifactStore store = context.Workspace.Store;
        string before = store.ReadCurrent()!;
        // A separate disk with a copy of the store and 400 KiB of free space: less than a version takes.
        string training = Path.Combine(AppContext.BaseDirectory, "NanoRecSys.Training.dll");

        string disk = _folder.File("disk");
        (int exit, string output, string error) = await RunAsync($"""
            size=$(($(du -sk '{store.Root}' | cut -f1) + 400))
            mkdir '{disk}' && mount -t tmpfs -o size=$size'k' tmpfs '{disk}' && cp -r '{store.Root}/.' '{disk}' || exit 9
            dotnet '{training}' publish --serve-split train --artifacts '{disk}' --data small
            echo "exit $?"; cat '{disk}/current'; ls -A '{disk}/versions'
            """);

        Assert.True(exit == 0, error);
        Assert.Contains("No space left on device", Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
        string[] lines = [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).SkipWhile(line => !line.StartsWith("exit", StringComparison.Ordinal))];
        Assert.Equal(["exit 1", before, before], lines.Where(line => line != ".publish.lock"));
    }

    // As root of a separate namespace, where it may mount a disk that no other process sees.
    private static async Task<(int Exit, string Output, string Error)> RunAsync(string script)
    {
        var start = new ProcessStartInfo("unshare", ["--user", "--map-root-user", "--mount", "bash", "-c", script])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            WorkingDirectory = RepositoryFolder.Root,
        };
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            return (process.ExitCode, output, await error);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return (-1, "", e.Message); // unshare is not installed
        }
    }
}
