namespace NanoRecSys.IntegrationTests.Training;

/// <summary>The build property <c>TorchDevice</c>, evaluated by the build itself, which needs no GPU.</summary>
public sealed class TorchPackageTests
{
    [Theory]
    [InlineData(null, "libtorch-cpu-")]
    [InlineData("cpu", "libtorch-cpu-")]
    [InlineData("cuda", "libtorch-cuda-12.8-")]
    public async Task The_build_property_chooses_one_libtorch(string? device, string expected)
    {
        Assert.SkipWhen(OperatingSystem.IsMacOS() && device == "cuda", "There is no CUDA for macOS.");

        string[] packages = [.. (await PackagesAsync(device)).Where(name => name.StartsWith("libtorch", StringComparison.Ordinal))];

        Assert.StartsWith(expected, Assert.Single(packages), StringComparison.Ordinal);
    }

    private static async Task<IReadOnlyList<string>> PackagesAsync(string? device)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            ArgumentList = { "msbuild", Path.Combine(RepositoryFolder.Root, "NanoRecSys.Training", "NanoRecSys.Training.csproj"), "-getItem:PackageReference" },
            RedirectStandardOutput = true,
        };
        start.Environment.Remove("TorchDevice");
        if (device is not null)
        {
            start.ArgumentList.Add($"-p:TorchDevice={device}");
        }

        using Process build = Process.Start(start)!;
        string output = await build.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await build.WaitForExitAsync(TestContext.Current.CancellationToken);
        using JsonDocument items = JsonDocument.Parse(output);
        return [.. items.RootElement.GetProperty("Items").GetProperty("PackageReference").EnumerateArray().Select(item => item.GetProperty("Identity").GetString()!)];
    }
}
