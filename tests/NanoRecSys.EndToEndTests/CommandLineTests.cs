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
        using Process host = Process.Start(new ProcessStartInfo("dotnet", [BuiltStack.AppHost, .. options]) { RedirectStandardError = true })!;
        string error = await host.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await host.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(message, error.TrimEnd());
        Assert.Equal(1, host.ExitCode);
    }
}
