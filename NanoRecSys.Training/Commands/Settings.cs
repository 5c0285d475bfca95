using System.CommandLine;
using System.Globalization;

namespace NanoRecSys.Training.Commands;

/// <summary>Options that are one value with a default.</summary>
internal static class Settings
{
    public static Option<int> Number(string name, string description, int value, int least = 1)
    {
        Option<int> option = NumberWithoutDefault(name, description, least);
        option.DefaultValueFactory = _ => value;
        return option;
    }

    /// <summary>Without a default: who does not give it leaves a preset's value.</summary>
    public static Option<int> NumberWithoutDefault(string name, string description, int least)
    {
        var option = new Option<int>(name) { Description = description };
        option.AtLeast(least);
        return option;
    }

    /// <summary>A number of 0 or more, with a point whatever the machine's language.</summary>
    public static Option<double> Real(string name, string description, double value) => Real(name, description).WithDefault(value);

    /// <summary>Without a default: who does not give it leaves a preset's value.</summary>
    public static Option<double> Real(string name, string description) =>
        RealWithin(name, description, "0 or more", given => given >= 0 && double.IsFinite(given));

    /// <inheritdoc cref="Real(string, string)"/>
    public static Option<double> PositiveReal(string name, string description) =>
        RealWithin(name, description, "more than 0", given => given > 0 && double.IsFinite(given));

    public static Option<double> WithDefault(this Option<double> option, double value)
    {
        option.DefaultValueFactory = _ => value;
        return option;
    }

    /// <summary>A part of something, and not all of it.</summary>
    public static Option<double> Share(string name, string description) =>
        RealWithin(name, description, "0 or more and less than 1", given => given is >= 0 and < 1);

    public static Option<string> Choice(string name, string description, string value, string[] choices)
    {
        Option<string> option = Choice(name, description, choices);
        option.DefaultValueFactory = _ => value;
        return option;
    }

    /// <summary>Without a default: who does not give it leaves a preset's value.</summary>
    public static Option<string> Choice(string name, string description, string[] choices)
    {
        var option = new Option<string>(name) { Description = $"{description}: {string.Join(", ", choices)}" };
        option.AcceptOnlyFromAmong(choices);
        return option;
    }

    private static Option<double> RealWithin(string name, string description, string range, Predicate<double> isWithin)
    {
        var option = new Option<double>(name) { Description = description };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && double.TryParse(token.Value, CultureInfo.InvariantCulture, out double given) && !isWithin(given))
            {
                result.AddError($"{name} must be {range}, not {token.Value}.");
            }
        });
        return option;
    }
}
