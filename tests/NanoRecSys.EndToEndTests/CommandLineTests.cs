namespace NanoRecSys.EndToEndTests;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("Unknown option '--prot'. See --help.", "--prot", "1")]
    [InlineData("--web-port is 'http', expected a number from 0 to 65535. See --help.", "--web-port", "http")]
    [InlineData("--api-replicas is '0', expected a number from 1 to 100. See --help.", "--api-replicas", "0")]
    [InlineData("Required argument missing for option: '--artifacts'. See --help.", "--artifacts")]
    [InlineData("Argument 'best' not recognized. Must be one of: 'quick' 'small' 'large' 'huge' 'sparse' 'auto' 'paper' See --help.", "--preset", "best")]
    [InlineData("--data nowhere is not one of small, ml-latest-small, ml-100k, ml-1m, ml-20m, ml-25m, nor an existing folder or file. See --help.", "--data", "nowhere")]
    public async Task A_bad_option_is_refused_in_one_line(string message, params string[] options)
    {
        Assert.Equal((1, message), await RunAsync([], options));
    }

    [Fact]
    public async Task An_artifacts_folder_that_cannot_be_used_is_refused_in_one_line()
    {
        (int exitCode, string error) = await RunAsync([], "--artifacts", BuiltStack.AppHost); // a file

        Assert.Equal(1, exitCode);
        Assert.StartsWith($"--artifacts {BuiltStack.AppHost} cannot be used: ", error, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error);
    }

    [Theory]
    [InlineData("localhost:6379,passwort=s3cret", "The connection string 'cache' is not valid: Keyword 'passwort' is not supported. (Parameter 'passwort') Expected HOST:PORT and options, such as localhost:6379,password=...")]
    [InlineData("password=s3cret", "The connection string 'cache' names no server. Expected HOST:PORT and options, such as localhost:6379,password=...")]
    [InlineData("localhost:6379", "--cache and the variable ConnectionStrings__cache both choose a cache. Leave one out.", "--cache", "garnet")]
    public async Task A_bad_connection_string_is_refused_before_anything_starts(string connectionString, string message, params string[] options)
    {
        Assert.Equal((1, message), await RunAsync([("ConnectionStrings__cache", connectionString)], options));
    }

    [Fact]
    public async Task Numbers_have_points_even_if_the_environment_turns_cultures_on()
    {
        ProcessStartInfo start = new("dotnet", [BuiltStack.Training, "train-ranker", "--help"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "false";
        start.Environment["LC_ALL"] = "de_DE.UTF-8";

        using Process training = Process.Start(start)!;
        Task<string> error = training.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string help = await training.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);

        Assert.SkipWhen((await error).Contains("ICU", StringComparison.Ordinal), "ICU is not installed, so there are no cultures.");
        Assert.Contains("[default: 0.001]", help, StringComparison.Ordinal);
    }

    private static async Task<(int ExitCode, string Error)> RunAsync((string Name, string Value)[] environment, params string[] options)
    {
        ProcessStartInfo start = new("dotnet", [BuiltStack.AppHost, .. options]) { RedirectStandardError = true };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        using Process host = Process.Start(start)!;
        string error = await host.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await host.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (host.ExitCode, error.TrimEnd());
    }
}
