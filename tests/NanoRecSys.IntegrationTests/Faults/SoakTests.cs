namespace NanoRecSys.IntegrationTests.Faults;

[Collection(Alone.Name)]
public sealed class SoakTests(TrainedArtifacts trained) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Half_a_minute_of_load_and_faults_has_no_violations()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/usr/bin/redis-server"), "Needs Linux and redis-server.");
        await trained.CopyAsync(_folder.Path);
        // Memory growth is judged by the ten-minute soak: in half a minute, code is still being compiled and the heap is still growing to its size.
        string[] args = ["soak", "--duration", "30", "--fault-every", "4", "--max-growth", "1", "--artifacts", _folder.Path, "--json"];
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "NanoRecSys.Benchmarks.dll"), .. args]) { RedirectStandardOutput = true, RedirectStandardError = true };

        using Process soak = Process.Start(start)!;
        Task<string> error = soak.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = await soak.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await soak.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.True(soak.ExitCode == 0, await error + output);
        JsonElement line = JsonDocument.Parse(output.TrimEnd().Split('\n')[^1]).RootElement;
        Assert.Equal(0, line.GetProperty("violations").GetInt64());
        Assert.True(line.GetProperty("faults").GetInt32() >= 6, output);
        Assert.True(line.GetProperty("events_acknowledged").GetInt64() > 100, output);
    }
}
