using System.CommandLine;
using System.CommandLine.Parsing;

namespace NanoRecSys.Benchmarks.Load;

/// <summary>The option <c>--url</c> of verbs that ask a running API.</summary>
internal static class ApiAddress
{
    private const string Usual = "http://localhost:5081";

    public static Option<Uri> CreateOption() => new("--url")
    {
        Description = "The API.",
        DefaultValueFactory = _ => new Uri(Usual),
        CustomParser = Parse,
    };

    private static Uri? Parse(ArgumentResult result)
    {
        if (Uri.TryCreate(result.Tokens[0].Value, UriKind.Absolute, out Uri? url) && url.Scheme is "http")
        {
            return url;
        }

        result.AddError($"'{result.Tokens[0].Value}' is not an address such as {Usual}.");
        return null;
    }
}
