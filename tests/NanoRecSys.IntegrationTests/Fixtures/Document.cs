using System.Text.RegularExpressions;

namespace NanoRecSys.IntegrationTests.Fixtures;

/// <summary>A page of the documentation.</summary>
internal sealed partial record Document(string Folder, string Text)
{
    public static Document Read(string path)
    {
        string file = Path.Combine(RepositoryFolder.Root, path);
        return new Document(Path.GetDirectoryName(file)!, File.ReadAllText(file));
    }

    /// <summary>Commands that a reader would copy, in order: indented lines that begin with dotnet or curl.</summary>
    public string[] Commands() => [.. CommandLine().Matches(Text).Select(match => match.Groups[1].Value.TrimEnd())];

    /// <summary>Links to files and folders of the repository.</summary>
    public string[] RelativeLinks() => [.. RelativeLink().Matches(Text).Select(match => match.Groups[1].Value)];

    [GeneratedRegex(@"^    ((?:dotnet|curl) .+)$", RegexOptions.Multiline)]
    private static partial Regex CommandLine();

    [GeneratedRegex(@"\]\((?!http)([^)#]+)(?:#[^)]*)?\)")]
    private static partial Regex RelativeLink();
}
