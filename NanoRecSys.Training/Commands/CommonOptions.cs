using System.CommandLine;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Commands;

/// <summary>The options that every verb has.</summary>
internal static class CommonOptions
{
    public static readonly Option<string> Data = new("--data")
    {
        Description = "small (the sample that ships with the program), " + string.Join(", ", DatasetSource.KnownNames) + " (downloaded from GroupLens), or the path of a MovieLens folder or .zip",
        HelpName = "NAME|PATH",
        DefaultValueFactory = _ => DatasetSource.Small,
        Recursive = true,
    };

    public static readonly Option<string> Artifacts = new("--artifacts")
    {
        Description = "Folder of everything that is made; the environment variable Artifacts__Path sets the default",
        HelpName = "DIR",
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable("Artifacts__Path") is { Length: > 0 } path ? path : "artifacts",
        Recursive = true,
    };

    public static readonly Option<long> Seed = new("--seed")
    {
        Description = "Seed of all randomness",
        DefaultValueFactory = _ => 42,
        Recursive = true,
    };

    public static readonly Option<int> Threads = new("--threads")
    {
        Description = "CPU threads to compute with",
        DefaultValueFactory = _ => Environment.ProcessorCount,
        Recursive = true,
    };

    public static readonly Option<string> Device = new("--device")
    {
        Description = "Device that the retriever is trained and evaluated on; auto is a GPU where there is one. A GPU needs a build with -p:TorchDevice=cuda",
        HelpName = "auto|cpu|cuda|cuda:N",
        DefaultValueFactory = _ => TorchDevice.Auto,
        Recursive = true,
    };

    public static readonly Option<bool> Json = new("--json")
    {
        Description = "End with one line of JSON on standard output; all else then goes to standard error",
        Recursive = true,
    };

    static CommonOptions()
    {
        Threads.AtLeast(1);
        Device.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && !TorchDevice.IsName(token.Value))
            {
                result.AddError($"--device must be auto, cpu, cuda or cuda:N, not '{token.Value}'.");
            }
        });
    }

    public static IEnumerable<Option> All => [Data, Artifacts, Seed, Threads, Device, Json];

    /// <exception cref="UserErrorException">No such data, or a device that torch does not have here.</exception>
    public static RunSettings Read(ParseResult parse)
    {
        return new RunSettings(
            new Workspace(new ArtifactStore(parse.GetRequiredValue(Artifacts)), DatasetSource.NameOf(parse.GetRequiredValue(Data))),
            parse.GetRequiredValue(Seed), parse.GetRequiredValue(Threads), TorchDevice.Resolve(parse.GetRequiredValue(Device)));
    }

    /// <summary>Refuses smaller numbers while the line is parsed, before anything is computed.</summary>
    public static void AtLeast(this Option option, int least) => option.Validators.Add(result =>
    {
        // Text that is no number at all is the parser's to report.
        if (result.Tokens is [var token] && int.TryParse(token.Value, out int value) && value < least)
        {
            result.AddError($"{option.Name} must be {least} or more, not {value}.");
        }
    });
}
