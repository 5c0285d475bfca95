using System.Globalization;
using System.Text.RegularExpressions;

namespace NanoRecSys.Web.Components.Elements;

public static partial class Text
{
    /// <summary>42 µs, 0.42 ms, 4.20 ms, 42.0 ms, 4.2 s.</summary>
    public static string Milliseconds(double ms) => ms switch
    {
        >= 1000 => string.Create(CultureInfo.InvariantCulture, $"{ms / 1000:0.0} s"),
        >= 100 => string.Create(CultureInfo.InvariantCulture, $"{ms:0} ms"),
        >= 10 => string.Create(CultureInfo.InvariantCulture, $"{ms:0.0} ms"),
        >= 0.0995 or 0 => string.Create(CultureInfo.InvariantCulture, $"{ms:0.00} ms"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{ms * 1000:0} µs"),
    };

    public static string Number(double value) => value switch
    {
        >= 100 or 0 => value.ToString("N0", CultureInfo.InvariantCulture),
        >= 10 => value.ToString("0.0", CultureInfo.InvariantCulture),
        _ => value.ToString("0.00", CultureInfo.InvariantCulture),
    };

    public static string Percent(double share) => share.ToString("0.0%", CultureInfo.InvariantCulture).Replace(" ", "", StringComparison.Ordinal);

    public static string Bytes(long bytes) => bytes switch
    {
        >= 1 << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.0} MiB"),
        >= 1 << 10 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.0} KiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes} B"),
    };

    /// <summary>45 s, 2 min 05 s, 1 h 10 min.</summary>
    public static string Duration(double seconds)
    {
        var span = TimeSpan.FromSeconds(Math.Max(0, Math.Round(seconds)));
        return span switch
        {
            { TotalHours: >= 1 } => string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalHours} h {span.Minutes:00} min"),
            { TotalMinutes: >= 1 } => string.Create(CultureInfo.InvariantCulture, $"{span.Minutes} min {span.Seconds:00} s"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{span.Seconds} s"),
        };
    }

    /// <summary>A number as CSS and SVG write it.</summary>
    public static string Css(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);

    /// <summary>Seven (a.k.a. Se7en) becomes Seven, for places without space for alternative titles.</summary>
    public static string WithoutOtherNames(string text) => InBrackets().Replace(text, "");

    /// <summary>A short form of a reason; if a title ends in a period, such as R.N., no second one follows.</summary>
    public static string Reason(string text) => TwoStops().Replace(WithoutOtherNames(text), ".");

    [GeneratedRegex(@"(?<!\.)\.\.(?!\.)")]
    private static partial Regex TwoStops();

    [GeneratedRegex(@"\s\([^()]*\)")]
    private static partial Regex InBrackets();
}
