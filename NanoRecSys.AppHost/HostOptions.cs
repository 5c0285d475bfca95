using System.CommandLine;
using System.CommandLine.Invocation;
using System.Globalization;
using NanoRecSys.Contracts;
using NanoRecSys.ServiceDefaults;

namespace NanoRecSys.AppHost;

internal enum CacheKind
{
    Garnet, // Garnet, as a project of this repository
    Redis, // Redis in a container
    External, // the server that ConnectionStrings__cache names
}

internal sealed record HostOptions
{
    private static readonly string RepositoryRoot = Path.GetFullPath(Path.Combine(Projects.NanoRecSys_AppHost.ProjectPath, ".."));

    private static readonly Option<int> WebPortOption = Port("--web-port", "Port of the web page", 5080);
    private static readonly Option<int> ApiPortOption = Port("--api-port", "Port of the API", 5081);
    private static readonly Option<int> CachePortOption = Port("--cache-port", "Port of the cache", 6399);
    private static readonly Option<int> ApiReplicasOption = Number("--api-replicas", "API processes behind one address", 1, from: 1, to: 100);

    private static readonly Option<string> ArtifactsOption = new("--artifacts")
    {
        Description = "Folder for models, prepared data and the cache's data; the environment variable Artifacts__Path sets the default",
        HelpName = "DIR",
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable("Artifacts__Path") is { } path && !string.IsNullOrWhiteSpace(path) ? path : Path.Combine(RepositoryRoot, "artifacts"),
        Validators =
        {
            result =>
            {
                if (result.Tokens is [var token] && WhyNoFolder(token.Value) is { } reason)
                {
                    result.AddError($"--artifacts {token.Value} cannot be used: {reason}");
                }
            },
        },
    };

    private static readonly Option<string> DataOption = new("--data")
    {
        Description = $"Data to train on if there is no model: {TrainingNames.Sample} (the sample), {string.Join(", ", TrainingNames.Datasets)} (downloaded), or the path of a file, a folder or a .zip of interactions",
        HelpName = "NAME|PATH",
        DefaultValueFactory = _ => TrainingNames.Sample,
        Validators =
        {
            result =>
            {
                if (result.Tokens is [var token] && !IsKnown(token.Value) && !Path.Exists(token.Value))
                {
                    result.AddError($"--data {token.Value} is not one of {TrainingNames.Sample}, {string.Join(", ", TrainingNames.Datasets)}, nor an existing folder or file.");
                }
            },
        },
    };

    private static readonly Option<string> PresetOption = Choice(
        "--preset", $"How to train: {string.Join(", ", TrainingNames.Presets)}", TrainingNames.DefaultPreset, [.. TrainingNames.Presets]);

    private static readonly Option<string> CacheOption = Choice(
        "--cache", "garnet (no container engine needed) or redis (in a container). The variable ConnectionStrings__cache names a Redis of your own instead", "garnet", ["garnet", "redis"]);

    private static readonly Option<string?> RetrainOption = new("--retrain")
    {
        Description = "Train again on a schedule, a cron expression such as \"0 3 * * *\", or after a number of new events, such as 5000; default: never",
        HelpName = "CRON|N",
    };

    public required int WebPort { get; init; }
    public required int ApiPort { get; init; }
    public required int CachePort { get; init; }
    public required int ApiReplicas { get; init; }
    public required string Artifacts { get; init; } // absolute
    public required string Data { get; init; } // a data set's name, or an absolute path
    public required string Preset { get; init; }
    public required CacheKind Cache { get; init; }

    /// <summary>A cron expression or a number of events; null for manual training only.</summary>
    public string? Retrain { get; init; }

    /// <summary>Whether <c>--data</c> or <c>--preset</c> was given; they have no effect at start if a model already exists.</summary>
    public bool ChoosesTraining { get; private init; }

    public bool HasModel => File.Exists(Path.Combine(Artifacts, "current")); // evaluated at each call

    /// <returns>The exit code if there is nothing to start: 0 after <c>--help</c>, 1 after an error, which is one line; otherwise null.</returns>
    public static int? TryParse(string[] args, TextWriter output, TextWriter error, out HostOptions options)
    {
        RootCommand root = new("Starts NanoRecSys under .NET Aspire: a cache, the API, the web page, a training if there is no model, and Aspire's dashboard. If a port is taken, the next free one is used; 0 picks any.")
        {
            WebPortOption, ApiPortOption, CachePortOption, ApiReplicasOption, ArtifactsOption, DataOption, PresetOption, CacheOption, RetrainOption,
        };
        options = null!;
        // Aspire's publishing command line passes its own options; ours then keep their defaults.
        bool isPublishing = args.Contains("--operation") || args.Contains("--publisher");
        ParseResult parse = root.Parse(isPublishing ? [] : args);
        if (parse.Action is ParseErrorAction)
        {
            string reason = parse.UnmatchedTokens is [var token, ..] ? $"Unknown option '{token}'." : parse.Errors[0].Message;
            error.WriteLine($"{string.Join(' ', reason.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))} See --help.");
            return 1;
        }

        if (parse.Action is not null)
        {
            return parse.Invoke(new InvocationConfiguration { Output = output, Error = error });
        }

        if (Conflict(parse) is { } conflict)
        {
            error.WriteLine(conflict);
            return 1;
        }

        string data = parse.GetRequiredValue(DataOption);
        options = new HostOptions
        {
            WebPort = parse.GetRequiredValue(WebPortOption),
            ApiPort = parse.GetRequiredValue(ApiPortOption),
            CachePort = parse.GetRequiredValue(CachePortOption),
            ApiReplicas = parse.GetRequiredValue(ApiReplicasOption),
            Artifacts = Path.GetFullPath(parse.GetRequiredValue(ArtifactsOption)),
            Data = IsKnown(data) ? data : Path.GetFullPath(data),
            Preset = parse.GetRequiredValue(PresetOption),
            Cache = ExternalCache is not null ? CacheKind.External : Enum.Parse<CacheKind>(parse.GetRequiredValue(CacheOption), ignoreCase: true),
            Retrain = parse.GetValue(RetrainOption),
            ChoosesTraining = IsGiven(parse, DataOption) || IsGiven(parse, PresetOption),
        };
        return null;
    }

    private static string? ExternalCache => Environment.GetEnvironmentVariable("ConnectionStrings__cache") is { Length: > 0 } value ? value : null;

    // Conflicts with the environment, checked after the options themselves are valid.
    private static string? Conflict(ParseResult parse) =>
        ExternalCache is not { } connectionString ? null
        : IsGiven(parse, CacheOption) ? "--cache and the variable ConnectionStrings__cache both choose a cache. Leave one out."
        : RedisConnection.Problem(connectionString);

    private static string? WhyNoFolder(string path)
    {
        if (string.IsNullOrWhiteSpace(path))
        {
            return "It is empty.";
        }

        try
        {
            Directory.CreateDirectory(path);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return e.Message;
        }
    }

    private static bool IsKnown(string data) => data == TrainingNames.Sample || TrainingNames.Datasets.Contains(data);

    private static bool IsGiven(ParseResult parse, Option option) => parse.GetResult(option) is { Implicit: false };

    private static Option<int> Port(string name, string description, int value) => Number(name, description, value, from: 0, to: ushort.MaxValue);

    private static Option<int> Number(string name, string description, int value, int from, int to)
    {
        return new Option<int>(name)
        {
            Description = description,
            HelpName = "N",
            DefaultValueFactory = _ => value,
            CustomParser = result =>
            {
                if (int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= from && number <= to)
                {
                    return number;
                }

                result.AddError($"{name} is '{result.Tokens[0].Value}', expected a number from {from} to {to}.");
                return value;
            },
        };
    }

    private static Option<string> Choice(string name, string description, string value, string[] choices)
    {
        Option<string> option = new(name) { Description = description, HelpName = "NAME", DefaultValueFactory = _ => value };
        option.AcceptOnlyFromAmong(choices);
        return option;
    }
}
