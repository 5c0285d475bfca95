using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace NanoRecSys.Core.Data;

/// <summary>Title, year and genres of an item, cleaned the same way whether they come from a data file or from <c>POST /items</c>.</summary>
/// <param name="Title">In reading order, on one line, without the year; empty where there is none.</param>
/// <param name="Year">Of release; null where it is unknown.</param>
/// <param name="Genres">Each once, in the order given.</param>
internal sealed record ItemText(string Title, int? Year, IReadOnlyList<string> Genres)
{
    public const int FirstYear = 1870; // earliest year of release: that of the first films. Smaller numbers stand for an unknown year.
    public const int LastYear = 2200; // latest year of release. Larger numbers stand for an unknown year.
    private const string NoGenres = "(no genres listed)"; // what MovieLens writes

    /// <param name="title">Such as <c>Matrix, The (1999)</c>.</param>
    /// <param name="genres">As given: with blanks, repeats and differences of letter case.</param>
    /// <param name="year">Where it is given apart from the title.</param>
    /// <param name="isFilm">Whether the title may end with a year and begin with what follows its article.</param>
    public static ItemText Clean(string title, IEnumerable<string> genres, int? year = null, bool isFilm = true)
    {
        MovieTitle parsed = isFilm ? MovieTitle.Parse(OneLine(title)) : new MovieTitle(OneLine(title), null);
        return new ItemText(
            parsed.Title, year is >= FirstYear and <= LastYear ? year : parsed.Year,
            [.. genres.Select(OneLine).Where(genre => genre.Length > 0 && genre != NoGenres).Distinct(StringComparer.OrdinalIgnoreCase)]);
    }

    /// <summary>A text without line breaks and characters that are not seen.</summary>
    /// <remarks>Control and format characters hide what follows them or turn it around; only the joiner of emoji and of some scripts is text.</remarks>
    public static string OneLine(string text)
    {
        var line = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool isSpace = Rune.IsWhiteSpace(rune) || Rune.IsControl(rune);
            if (isSpace && line.Length > 0 && line[^1] != ' ')
            {
                line.Append(' ');
            }
            else if (!isSpace && (Rune.GetUnicodeCategory(rune) != UnicodeCategory.Format || rune.Value is ZeroWidthNonJoiner or ZeroWidthJoiner))
            {
                line.Append(rune.ToString());
            }
        }

        return line.ToString().TrimEnd();
    }

    private const int ZeroWidthNonJoiner = 0x200C;
    private const int ZeroWidthJoiner = 0x200D;
}

/// <summary>A MovieLens title taken apart: <c>Matrix, The (1999)</c> is <c>The Matrix</c> of 1999.</summary>
internal readonly partial record struct MovieTitle(string Title, int? Year)
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
        Match dated = TitleAndYear().Match(raw);
        bool hasYear = dated.Success && int.Parse(dated.Groups["year"].ValueSpan, CultureInfo.InvariantCulture) is >= ItemText.FirstYear and <= ItemText.LastYear;
        string title = hasYear ? dated.Groups["title"].Value : raw.Trim();
        int? year = hasYear ? int.Parse(dated.Groups["year"].ValueSpan, CultureInfo.InvariantCulture) : null;
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
