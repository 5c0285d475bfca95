using System.Text.RegularExpressions;

namespace NanoRecSys.Core.Data;

/// <summary>A MovieLens title taken apart: <c>Matrix, The (1999)</c> is <c>The Matrix</c> of 1999.</summary>
public readonly partial record struct MovieTitle(string Title, int? Year)
{
    [GeneratedRegex(@"^\s*(?<title>.+?)\s*\((?<year>[0-9]{4})(?:[-–][0-9]{0,4})?\)\s*$", RegexOptions.CultureInvariant)]
    private static partial Regex TitleAndYear();

    // Articles of the languages that MovieLens titles come in; "L'" and its like join without a space.
    [GeneratedRegex(@"^(?<name>.*?), (?<article>The|A|An|La|Le|Les|L'|El|Los|Las|Il|I|Lo|Gli|Der|Die|Das|Ein|Eine|Un|Une|De|Het|Den|Det|O|Os|As)(?<rest>\s+\(.*\))?$",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex TrailingArticle();

    // Another title of the same film, which has its own article: "(Cité des enfants perdus, La)".
    [GeneratedRegex(@"\((?<prefix>a\.k\.a\. )?(?<title>[^()]+)\)", RegexOptions.CultureInvariant)]
    private static partial Regex OtherTitle();

    /// <summary>Splits off the year and moves a trailing article to the front, where a reader expects it.</summary>
    public static MovieTitle Parse(string raw)
    {
        ArgumentNullException.ThrowIfNull(raw);
        Match dated = TitleAndYear().Match(raw);
        string title = dated.Success ? dated.Groups["title"].Value : raw.Trim();
        int? year = dated.Success ? int.Parse(dated.Groups["year"].ValueSpan) : null;
        return new MovieTitle(ReadingOrder(title), year);
    }

    private static string ReadingOrder(string title)
    {
        Match match = TrailingArticle().Match(title);
        if (!match.Success)
        {
            return OtherTitle().Replace(title, OtherInReadingOrder);
        }

        string article = match.Groups["article"].Value;
        string gap = article.EndsWith('\'') ? "" : " ";
        string rest = OtherTitle().Replace(match.Groups["rest"].Value, OtherInReadingOrder);
        return $"{article}{gap}{match.Groups["name"].Value}{rest}";
    }

    private static string OtherInReadingOrder(Match other)
    {
        string title = other.Groups["title"].Value;
        Match match = TrailingArticle().Match(title);
        return match.Success ? $"({other.Groups["prefix"].Value}{ReadingOrder(title)})" : other.Value;
    }
}
