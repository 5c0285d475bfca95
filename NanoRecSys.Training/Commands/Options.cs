using System.Collections;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Numerics;

namespace NanoRecSys.Training.Commands;

/// <summary>A command's options, each with the setting it fills in.</summary>
/// <remarks>Only given options change a setting: all others keep their default, or the preset's value.</remarks>
internal sealed class OptionSet<T> : IEnumerable<Option>
{
    private readonly List<(Option Option, Func<ParseResult, T, T> Apply)> _options = [];

    public void Add<TValue>(Option<TValue> option, Func<T, TValue, T> set) => _options.Add((option, (parse, settings) =>
        parse.GetResult(option) is null or { Implicit: true } ? settings : set(settings, parse.GetRequiredValue(option))));

    public T Read(ParseResult parse, T defaults) => _options.Aggregate(defaults, (settings, option) => option.Apply(parse, settings));

    public IEnumerator<Option> GetEnumerator() => _options.Select(option => option.Option).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>Creates options that check their value while the command line is parsed, before anything is computed.</summary>
internal static class Options
{
    private const int Many = 100_000_000;
    private const int Widest = 65_536;

    /// <summary><paramref name="value"/> is the default that help shows; null if there is none, or if a preset decides.</summary>
    public static Option<int> Number(string name, string description, int? value = null, int least = 1, int most = Many) =>
        Checked(name, description, value, given => given < least ? $"{least} or more" : given > most ? $"{most} or less" : null);

    /// <summary>A number of columns of a matrix, or of items that a model reads.</summary>
    public static Option<int> Width(string name, string description, int? value = null) => Number(name, description, value, most: Widest);

    /// <inheritdoc cref="Number"/>
    public static Option<double> Real(string name, string description, double? value = null) =>
        Real(name, description, "0 or more", given => given >= 0 && double.IsFinite(given), value);

    /// <inheritdoc cref="Number"/>
    public static Option<double> PositiveReal(string name, string description, double? value = null) =>
        Real(name, description, "more than 0", given => given > 0 && double.IsFinite(given), value);

    public static Option<double> LearningRate(string name, string description, double? value = null) =>
        Real(name, description, "more than 0 and at most 10", given => given is > 0 and <= 10, value);

    /// <summary>A fraction below 1.</summary>
    public static Option<double> Share(string name, string description, double? value = null) =>
        Real(name, description, "0 or more and less than 1", given => given is >= 0 and < 1, value);

    public static Option<double> Real(string name, string description, string range, Predicate<double> isWithin, double? value = null) =>
        Checked(name, description, value, given => isWithin(given) ? null : range);

    public static Option<string> Choice(string name, string description, IEnumerable<string> choices, string? value = null)
    {
        string[] all = [.. choices];
        Option<string> option = Text(name, $"{description}: {string.Join(", ", all)}", null, value);
        option.AcceptOnlyFromAmong(all);
        return option;
    }

    public static Option<int[]> Widths(string name, string description, int[] value) => new(name)
    {
        Description = description,
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => value,
        CustomParser = result => [.. result.Tokens.Select(token => Parse<int>(name, token.Value, given => given is >= 1 and <= Widest ? null : $"1 to {Widest}", result))],
    };

    public static Option<long> Seed(string name, string description, long value) => Checked<long>(name, description, value, _ => null);

    public static Option<string[]> Choices(string name, string description, IEnumerable<string> choices)
    {
        string[] all = [.. choices];
        var option = new Option<string[]>(name) { Description = $"{description}: {string.Join(", ", all)}", AllowMultipleArgumentsPerToken = true };
        option.AcceptOnlyFromAmong(all);
        return option;
    }

    public static Option<string> Text(string name, string description, string? helpName, string? value = null)
    {
        Option<string> option = new Option<string>(name) { Description = description, HelpName = helpName }
            .Rejecting(given => string.IsNullOrWhiteSpace(given) ? $"{name} is empty. Is the variable it comes from set?" : null);
        if (value is not null)
        {
            option.DefaultValueFactory = _ => value;
        }

        return option;
    }

    public static Option<FileInfo> InputFile(string name, string description) =>
        new Option<FileInfo>(name) { Description = description, HelpName = "FILE" }
            .Rejecting(path => File.Exists(path) ? null : $"{name}: file not found: {path}.");

    public static Option<bool> Flag(string name, string description) => new(name) { Description = description };

    /// <param name="problem">Receives the given text, and returns what is wrong with it; null if nothing.</param>
    public static Option<T> Rejecting<T>(this Option<T> option, Func<string, string?> problem)
    {
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && problem(token.Value) is { } message)
            {
                result.AddError(message);
            }
        });
        return option;
    }

    private static Option<T> Checked<T>(string name, string description, T? value, Func<T, string?> missed)
        where T : struct, INumber<T>, IMinMaxValue<T>
    {
        var option = new Option<T>(name)
        {
            Description = description,
            CustomParser = result => Parse(name, result.Tokens[0].Value, missed, result),
        };
        if (value is { } known)
        {
            option.DefaultValueFactory = _ => known;
        }

        return option;
    }

    // The parser's own conversion accepts thousands separators, and so reads 0,05 as 5.
    private static T Parse<T>(string name, string text, Func<T, string?> missed, ArgumentResult result)
        where T : struct, INumber<T>, IMinMaxValue<T>
    {
        bool isReal = typeof(T) == typeof(double);
        if (!T.TryParse(text, isReal ? NumberStyles.Float : NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out T number))
        {
            result.AddError(isReal
                ? $"{name} must be a number with a decimal point, such as 0.05, not '{text}'."
                : $"{name} must be a whole number up to {T.MaxValue}, not '{text}'.");
        }
        else if (missed(number) is { } range)
        {
            result.AddError($"{name} must be {range}, not {text}.");
        }

        return number;
    }
}
