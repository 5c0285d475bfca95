using System.CommandLine;
using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.Training.Commands;

/// <summary>An option that stands in for one of a preset's settings where it is given.</summary>
/// <param name="Option">As the command line has it.</param>
/// <param name="Apply">The settings with what was given.</param>
internal sealed record RetrieverSetting(Option Option, Func<ParseResult, TrainRetrieverOptions, TrainRetrieverOptions> Apply)
{
    public static RetrieverSetting Of<T>(Option<T> option, Func<TrainRetrieverOptions, T, TrainRetrieverOptions> set) => new(
        option,
        (parse, options) => parse.GetResult(option) is null or { Implicit: true } ? options : set(options, parse.GetRequiredValue(option)));
}
