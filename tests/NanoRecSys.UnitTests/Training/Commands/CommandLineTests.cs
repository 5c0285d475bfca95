using NanoRecSys.Training.Commands;

namespace NanoRecSys.UnitTests.Training.Commands;

public sealed class CommandLineTests : FolderTests
{
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    public override void Dispose()
    {
        _output.Dispose();
        _error.Dispose();
        base.Dispose();
    }

    [Theory]
    [InlineData("prepare --nope", "Unknown command or option '--nope'. See prepare --help.")]
    [InlineData("evaluate retriever --nope", "Unknown command or option '--nope'. See evaluate --help.")]
    [InlineData("prepair", "Unknown command or option 'prepair'. See --help.")]
    [InlineData("", "Required command was not provided. See --help.")]
    [InlineData("prepare --threads 100000", "--threads must be 1024 or less, not 100000. See prepare --help.")]
    [InlineData("train-retriever --dimension 1000000000", "--dimension must be 65536 or less, not 1000000000. See train-retriever --help.")]
    [InlineData("mine-negatives --candidates 2147483647", "--candidates must be 1000000 or less, not 2147483647. See mine-negatives --help.")]
    [InlineData("train-retriever --learning-rate 1e300", "--learning-rate must be more than 0 and at most 10, not 1e300. See train-retriever --help.")]
    [InlineData("prepare --threads 0", "--threads must be 1 or more, not 0. See prepare --help.")]
    [InlineData("prepare --threads many", "--threads must be a whole number up to 2147483647, not 'many'. See prepare --help.")]
    [InlineData("prepare --threads 1,000", "--threads must be a whole number up to 2147483647, not '1,000'. See prepare --help.")]
    [InlineData("prepare --seed 1,000", "--seed must be a whole number up to 9223372036854775807, not '1,000'. See prepare --help.")]
    [InlineData("prepare --min-rating 3,5", "--min-rating must be a number with a decimal point, such as 0.05, not '3,5'. See prepare --help.")]
    [InlineData("train-retriever --temperature 0,05", "--temperature must be a number with a decimal point, such as 0.05, not '0,05'. See train-retriever --help.")]
    [InlineData("train-retriever --gradient-norm NaN", "--gradient-norm must be 0 or more, not NaN. See train-retriever --help.")]
    [InlineData("train-ranker --hidden 512 1,024", "--hidden must be a whole number up to 2147483647, not '1,024'. See train-ranker --help.")]
    [InlineData("train-ranker --hidden 0", "--hidden must be 1 to 65536, not 0. See train-ranker --help.")]
    [InlineData("index --recall 0,95", "--recall must be a number with a decimal point, such as 0.05, not '0,95'. See index --help.")]
    [InlineData("train-retriever --dropout -1", "--dropout must be 0 or more and less than 1, not -1. See train-retriever --help.")]
    [InlineData("train-retriever --temperature 0", "--temperature must be more than 0, not 0. See train-retriever --help.")]
    [InlineData("train-retriever --weight-decay -1", "--weight-decay must be 0 or more, not -1. See train-retriever --help.")]
    [InlineData("train-ranker --learning-rate 0", "--learning-rate must be more than 0 and at most 10, not 0. See train-ranker --help.")]
    [InlineData("train-baseline --dropout 1.5", "--dropout must be 0 or more and less than 1, not 1.5. See train-baseline --help.")]
    [InlineData("train-ranker --item-dropout 5", "--item-dropout must be 0 or more and less than 1, not 5. See train-ranker --help.")]
    [InlineData("mine-negatives --sample 0", "--sample must be more than 0 and at most 1, not 0. See mine-negatives --help.")]
    [InlineData("mine-negatives --sample 50", "--sample must be more than 0 and at most 1, not 50. See mine-negatives --help.")]
    [InlineData("prepare --min-rating -1", "--min-rating must be 0 or more, not -1. See prepare --help.")]
    [InlineData("prepare --held-out 1", "--held-out must be between 0 and 1, not 1. See prepare --help.")]
    [InlineData("prepare --split random", "Argument 'random' not recognized. Must be one of: 'leave-one-out' 'time' See prepare --help.")]
    [InlineData("prepare --device gpu", "--device must be auto, cpu, cuda or cuda:N, not 'gpu'. See prepare --help.")]
    [InlineData("prepare --device cuda:", "--device must be auto, cpu, cuda or cuda:N, not 'cuda:'. See prepare --help.")]
    [InlineData("prepare --device cuda:-1", "--device must be auto, cpu, cuda or cuda:N, not 'cuda:-1'. See prepare --help.")]
    [InlineData("evaluate --negatives 9", "--negatives must be 10 or more, not 9. See evaluate --help.")]
    [InlineData("evaluate --window 0", "--window must be 1 or more, not 0. See evaluate --help.")]
    [InlineData("train-baseline --model bpr", "Argument 'bpr' not recognized. Must be one of: 'mf' 'ease' 'mlp-user-tower' See train-baseline --help.")]
    [InlineData("evaluate --split all", "Argument 'all' not recognized. Must be one of: 'validation' 'test' 'both' See evaluate --help.")]
    public async Task A_bad_command_line_is_one_line_on_standard_error(string line, string expected)
    {
        int exit = await RunAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.Equal(CommandLine.Failure, exit);
        Assert.Equal(expected, _error.ToString().ReplaceLineEndings(" ").Trim());
        Assert.Empty(_output.ToString());
    }

    [Fact]
    public async Task An_error_that_the_user_can_fix_is_one_line_on_standard_error()
    {
        int exit = await RunAsync("evaluate", "--artifacts", Folder.Path);

        Assert.Equal(CommandLine.Failure, exit);
        string line = Assert.Single(_error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("There is no prepared data in ", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("prepare", "--data", "")]
    [InlineData("evaluate", "--artifacts", " ")]
    [InlineData("run", "--events", "")]
    [InlineData("expand", "--output", "")]
    [InlineData("import", "--user-tower", "")]
    [InlineData("train-retriever", "--preset", "")]
    [InlineData("prepare", "--threads", "")]
    public async Task Empty_values_are_refused(string command, string option, string value)
    {
        Assert.Equal(CommandLine.Failure, await RunAsync(command, option, value));
        string line = Assert.Single(_error.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries));
        Assert.EndsWith($"See {command} --help.", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_share_to_hold_out_needs_the_split_by_time()
    {
        Assert.Equal(CommandLine.Failure, await RunAsync("prepare", "--held-out", "0.3", "--artifacts", Folder.File("artifacts")));
        Assert.Contains("--held-out applies to --split time only. Add --split time, or leave --held-out out.", _error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "Unexpected error: ")]
    [InlineData("Debug", "   at NanoRecSys.Training.")]
    public async Task Unexpected_exceptions_are_one_line_and_a_stack_only_at_the_debug_level(string? level, string expected)
    {
        var closed = new StringWriter();
        await closed.DisposeAsync();
        Environment.SetEnvironmentVariable("Logging__LogLevel__Default", level);
        try
        {
            Assert.Equal(CommandLine.Failure, await CommandLine.RunAsync(["prepare", "--help"], closed, _error, TestContext.Current.CancellationToken));
        }
        finally
        {
            Environment.SetEnvironmentVariable("Logging__LogLevel__Default", null);
        }

        Assert.Contains(expected, _error.ToString(), StringComparison.Ordinal);
        Assert.Equal(level is null, _error.ToString().TrimEnd().Split('\n').Length == 1);
    }

    [Fact]
    public async Task Inspect_describes_data_as_text_and_as_JSON()
    {
        string events = Folder.File("shop.csv");
        await File.WriteAllTextAsync(events, "visitor,product_id,ts\nann,a,2024-05-01\nann,b,2024-05-02\nann,c,2024-05-03\n");

        Assert.Equal(0, await RunAsync("inspect", "--data", events, "--artifacts", Folder.File("artifacts"), "--steps", "0", "--json"));

        using var report = JsonDocument.Parse(_output.ToString().TrimEnd().Split('\n')[^1]);
        Assert.Equal("visitor", report.RootElement.GetProperty("format").GetProperty("columns").GetProperty("user").GetString());
        Assert.Equal("ann", report.RootElement.GetProperty("preview")[0].GetProperty("user").GetString());
        Assert.Contains("Interactions: CSV; columns user=visitor, item=product_id, time=ts.", _error.ToString(), StringComparison.Ordinal);
        Assert.Contains("2024-05-01 00:00:00", _error.ToString(), StringComparison.Ordinal);
        Assert.Contains("'run --preset auto' would take the preset ", _error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--columns", "user")]
    [InlineData("--event-weights", "view=much")]
    [InlineData("--items", "nowhere.csv")]
    public async Task Options_of_reading_are_checked(string option, string value)
    {
        string events = Folder.File("shop.csv");
        await File.WriteAllTextAsync(events, "user,item\n1,2\n");

        Assert.Equal(CommandLine.Failure, await RunAsync("prepare", "--data", events, "--artifacts", Folder.File("artifacts"), option, value));
        Assert.StartsWith(option, _error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Prepared_data_of_another_source_or_of_a_changed_file_is_refused()
    {
        string january = Directory.CreateDirectory(Folder.File("january/export")).FullName;
        string february = Directory.CreateDirectory(Folder.File("february/export")).FullName;
        string copy = Directory.CreateDirectory(Folder.File("copy/export")).FullName;
        await File.WriteAllTextAsync(Path.Combine(january, "ratings.csv"), "1,10,5,1\n1,11,5,2\n1,12,5,3\n");
        await File.WriteAllTextAsync(Path.Combine(copy, "ratings.csv"), "1,10,5,1\n1,11,5,2\n1,12,5,3\n");
        await File.WriteAllTextAsync(Path.Combine(february, "ratings.csv"), "1,10,5,1\n1,11,5,2\n1,13,5,3\n");
        string artifacts = Folder.File("artifacts");
        Assert.Equal(0, await RunAsync("prepare", "--data", january, "--artifacts", artifacts));

        Assert.Equal(0, await EvaluateAsync(january));
        Assert.Equal(0, await EvaluateAsync(copy));
        Assert.Equal(CommandLine.Failure, await EvaluateAsync(february));
        Assert.Contains($"comes from {january}, but --data names {february}, which has other contents.", _error.ToString(), StringComparison.Ordinal);
        Assert.Equal(CommandLine.Failure, await EvaluateAsync(Folder.File("nowhere/export")));
        Assert.Contains(", an existing file, folder or .zip archive, or a pattern", _error.ToString(), StringComparison.Ordinal);

        await File.WriteAllTextAsync(Path.Combine(january, "movies.csv"), "movieId,title,genres\n10,Heat (1995),Crime\n");
        Assert.Equal(CommandLine.Failure, await EvaluateAsync(january));
        Assert.Contains("changed after 'prepare'", _error.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, await RunAsync("prepare", "--data", february, "--artifacts", artifacts));
        Assert.Contains($"came from {january}/ratings.csv and is replaced.", _output.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, await EvaluateAsync(february));

        string archive = Folder.File("export.zip");
        System.IO.Compression.ZipFile.CreateFromDirectory(february, archive);
        Assert.Equal(CommandLine.Failure, await EvaluateAsync(archive));
        Assert.Equal(0, await RunAsync("prepare", "--data", archive, "--artifacts", artifacts));
        Assert.Equal(0, await EvaluateAsync(archive));
        File.Delete(archive);
        System.IO.Compression.ZipFile.CreateFromDirectory(january, archive);
        Assert.Equal(CommandLine.Failure, await EvaluateAsync(archive));
        Assert.Contains($"{archive}, or a file there, changed after 'prepare'.", _error.ToString(), StringComparison.Ordinal);

        string flags = Directory.CreateDirectory(Folder.File("flags/export")).FullName;
        await File.WriteAllTextAsync(Path.Combine(flags, "u.data"), "1\t10\t5\t1\n1\t11\t5\t2\n1\t12\t5\t3\n");
        await File.WriteAllTextAsync(Path.Combine(flags, "u.item"), "10|Heat (1995)|||http|1\n");
        await File.WriteAllTextAsync(Path.Combine(flags, "u.genre"), "Crime|0\n");
        Assert.Equal(0, await RunAsync("prepare", "--data", flags, "--artifacts", artifacts));
        Assert.Equal(0, await EvaluateAsync(flags));
        await File.WriteAllTextAsync(Path.Combine(flags, "u.genre"), "Comedy|0\n");
        Assert.Equal(CommandLine.Failure, await EvaluateAsync(flags));

        Task<int> EvaluateAsync(string data) => RunAsync("evaluate", "popularity", "--data", data, "--artifacts", artifacts);
    }

    [Fact]
    public async Task Several_models_are_evaluated_by_every_option_at_once()
    {
        string[] common = [.. await PrepareAsync("1,10,5,1\n1,11,5,2\n1,12,5,3\n"), "--json"];
        _output.GetStringBuilder().Clear();

        int exit = await RunAsync([
            "evaluate", "--models", "popularity", "item-knn", "--split", "both", "--exclude", "window", "--window", "1", "--sampled", "uniform",
            "--negatives", "20", "--add-log-popularity", "--now", "last", "--resamples", "50", .. common]);

        Assert.True(exit == 0, _error.ToString());
        using JsonDocument results = JsonDocument.Parse(Assert.Single(_output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries)));
        Assert.Equal(4, results.RootElement.GetArrayLength());
        Assert.All(results.RootElement.EnumerateArray(), result => Assert.Equal("sampled-uniform-20+log-popularity+without-target-time", result.GetProperty("protocol").GetString()));
        Assert.Contains("NOT COMPARABLE", _error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cuda")]
    [InlineData("cuda:1")]
    public async Task A_GPU_is_refused_at_once_with_the_CPU_build_of_libtorch(string device)
    {
        int exit = await RunAsync("prepare", "--device", device, "--artifacts", Folder.File("artifacts"));

        Assert.Equal(CommandLine.Failure, exit);
        Assert.Equal(
            $"--device {device} is not available: this build has the CPU's libtorch. Build with -p:TorchDevice=cuda, or use --device cpu.",
            Assert.Single(_error.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries)));
        Assert.False(Directory.Exists(Folder.File("artifacts")));
    }

    [Fact]
    public async Task With_json_standard_output_is_one_line_for_programs_and_all_else_is_on_standard_error()
    {
        await File.WriteAllTextAsync(Folder.File("ratings.csv"), "1,10,5,1\n1,11,5,2\n1,12,5,3\n");

        int exit = await RunAsync("prepare", "--data", Folder.Path, "--artifacts", Folder.File("artifacts"), "--json");

        Assert.Equal(0, exit);
        string line = Assert.Single(_output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
        using JsonDocument summary = JsonDocument.Parse(line);
        Assert.Equal(3, summary.RootElement.GetProperty("interactions").GetInt32());
        Assert.Contains("1 users, 3 items, 3 interactions", _error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("prepare")]
    [InlineData("estimate")]
    [InlineData("train-retriever")]
    [InlineData("mine-negatives")]
    [InlineData("train-ranker")]
    [InlineData("evaluate")]
    [InlineData("run")]
    public async Task Every_command_has_help_with_the_common_options_and_their_defaults(string command)
    {
        int exit = await RunAsync(command, "--help");

        Assert.Equal(0, exit);
        Assert.Contains("--artifacts", _output.ToString(), StringComparison.Ordinal);
        Assert.Contains("[default: small]", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_training_uses_its_presets_values_for_options_not_given()
    {
        string[] common = await PrepareAsync(string.Concat(Enumerable.Range(0, 12).Select(i => $"{i / 6},{10 + (i % 6)},5,{i}\n")));

        int exit = await RunAsync(["train-retriever", .. common, "--preset", "quick", "--dimension", "8", "--epochs", "1"]);

        Assert.Equal(0, exit);
        string metrics = Assert.Single(Directory.GetFiles(Folder.File("artifacts"), "metrics.json", SearchOption.AllDirectories));
        using JsonDocument written = JsonDocument.Parse(await File.ReadAllTextAsync(metrics));
        JsonElement options = written.RootElement.GetProperty("options");
        Assert.Equal((8, 1, 16), (options.GetProperty("dimension").GetInt32(), options.GetProperty("epochs").GetInt32(), options.GetProperty("batch_users").GetInt32()));
    }

    [Fact]
    public async Task Conflicting_options_are_reported_in_one_line()
    {
        string[] common = await PrepareAsync("1,10,5,1\n1,11,5,2\n1,12,5,3\n");

        int exit = await RunAsync(["train-retriever", .. common, "--preset", "quick", "--heads", "3"]);

        Assert.Equal(CommandLine.Failure, exit);
        Assert.Contains("Dimension 64 must be a multiple of 6: 3 heads, each rotated in halves.", _error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mine-negatives", "--candidates", "[default: 100]")]
    [InlineData("train-ranker", "--batch", "[default: 2048]")]
    [InlineData("train-baseline", "--dimension", "[default: 64]")]
    [InlineData("evaluate", "--negatives", "[default: 100]")]
    [InlineData("export", "--parity-histories", "[default: 200]")]
    public async Task Numbers_have_the_defaults_of_the_help_text(string command, string option, string expected)
    {
        await RunAsync(command, "--help");

        string[] lines = _output.ToString().Split('\n');
        int at = Array.FindIndex(lines, line => line.TrimStart().StartsWith(option + " ", StringComparison.Ordinal));
        Assert.True(at >= 0, _output.ToString());
        string text = string.Join(' ', lines[at..].TakeWhile((line, i) => i == 0 || !line.TrimStart().StartsWith("--", StringComparison.Ordinal)).Select(line => line.Trim()));
        Assert.Contains(expected, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancellation_exits_with_the_code_of_an_interrupted_program()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();

        int exit = await CommandLine.RunAsync(["prepare", "--artifacts", Folder.Path], _output, _error, cancelled.Token);

        Assert.Equal(CommandLine.Cancelled, exit);
        Assert.EndsWith("Cancelled.", _error.ToString().Trim(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_training_is_refused_while_another_one_of_the_same_data_runs()
    {
        string artifacts = Folder.File("artifacts");
        using IDisposable? other = new Workspace(new ArtifactStore(artifacts), "movielens-small").TryLock();
        Assert.NotNull(other);

        Assert.Equal(CommandLine.Failure, await RunAsync("prepare", "--artifacts", artifacts));
        Assert.Equal(
            $"A training of 'movielens-small' is running in {artifacts} (process {Environment.ProcessId}). Wait until it ends, or use another --artifacts folder.",
            _error.ToString().TrimEnd());
        Assert.False(Directory.Exists(Path.Combine(artifacts, "data")));

        // A host with an empty folder leaves the training to the process that started it.
        Assert.Equal(0, await RunAsync("run", "--if-no-model", "--artifacts", artifacts));
        Assert.Equal($"Another process is training in {artifacts}; its model will be served here, too.", _output.ToString().TrimEnd());
    }

    [Fact]
    public async Task A_training_with_if_no_model_leaves_a_published_model_unchanged()
    {
        await File.WriteAllTextAsync(Folder.File("current"), "0123456789ab\n", TestContext.Current.CancellationToken);

        Assert.Equal(0, await RunAsync("run", "--if-no-model", "--artifacts", Folder.Path));

        Assert.Equal($"Version 0123456789ab is already published in {Folder.Path}: nothing to train.", _output.ToString().TrimEnd());
    }

    /// <returns>The options that name the prepared data.</returns>
    private async Task<string[]> PrepareAsync(string ratings)
    {
        await File.WriteAllTextAsync(Folder.File("ratings.csv"), ratings);
        string[] options = ["--data", Folder.Path, "--artifacts", Folder.File("artifacts")];
        await RunAsync(["prepare", .. options]);
        return options;
    }

    private Task<int> RunAsync(params string[] args) => CommandLine.RunAsync(args, _output, _error, TestContext.Current.CancellationToken);
}
