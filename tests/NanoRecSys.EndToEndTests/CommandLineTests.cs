using System.Diagnostics;
using NanoRecSys.EndToEndTests.Fixtures;

namespace NanoRecSys.EndToEndTests;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("'--prot' is not an option. See --help.", "--prot", "1")]
    [InlineData("--web-port is 'http', expected a port of 0 to 65535. See --help.", "--web-port", "http")]
    [InlineData("--artifacts needs a value. See --help.", "--artifacts")]
    public async Task A_bad_option_is_refused_in_one_line(string message, params string[] options)
    {
        Assert.SkipWhen(BuiltStack.Obstacle is not null, BuiltStack.Obstacle ?? "");
        Assert.Equal((1, message), await RunAsync(options));
    }

    [Fact]
    public async Task An_artifacts_folder_that_cannot_be_used_is_refused_in_one_line()
    {
        Assert.SkipWhen(BuiltStack.Obstacle is not null, BuiltStack.Obstacle ?? "");
        (int exitCode, string error) = await RunAsync("--cache-port", "0", "--artifacts", BuiltStack.AppHost); // A file, so no folder.

        Assert.Equal(1, exitCode);
        Assert.StartsWith($"The folder {Path.Combine(BuiltStack.AppHost, "cache")} cannot be used: ", error, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error);
    }

    private static async Task<(int ExitCode, string Error)> RunAsync(params string[] options)
    {
        using Process host = Process.Start(new ProcessStartInfo("dotnet", [BuiltStack.AppHost, .. options]) { RedirectStandardError = true })!;
        string error = await host.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await host.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (host.ExitCode, error.TrimEnd());
    }
}
