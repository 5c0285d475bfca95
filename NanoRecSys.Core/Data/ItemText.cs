using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace NanoRecSys.Core.Data;

/// <summary>Title, year and genres of an item, cleaned in the same way whether they come from a data file or <c>POST /items</c>.</summary>
/// <param name="Title">In reading order, on one line, without the year; empty if there is none.</param>
/// <param name="Year">Year of release; null if unknown.</param>
/// <param name="Genres">Without repetitions, in the order given.</param>
internal sealed record ItemText(string Title, int? Year, IReadOnlyList<string> Genres)
{
    public const int FirstYear = 1870; // year of the first films; smaller numbers mean an unknown year
    public const int LastYear = 2200; // larger numbers mean an unknown year
    private const string NoGenres = "(no genres listed)"; // as written by MovieLens

    /// <param name="title">Such as <c>Matrix, The (1999)</c>.</param>
    /// <param name="genres">As given: may have blanks, repetitions and differences in case.</param>
    /// <param name="year">The year, if it is given separately from the title.</param>
    /// <param name="isFilm">Whether the title may end with a year and have its article at the end.</param>
    public static ItemText Clean(string title, IEnumerable<string> genres, int? year = null, bool isFilm = true)
    {
        MovieTitle parsed = isFilm ? MovieTitle.Parse(OneLine(title)) : new MovieTitle(OneLine(title), null);
        return new ItemText(
            parsed.Title, year is >= FirstYear and <= LastYear ? year : parsed.Year,
            [.. genres.Select(OneLine).Where(genre => genre.Length > 0 && genre != NoGenres).Distinct(StringComparer.OrdinalIgnoreCase)]);
    }

    /// <summary>A text without line breaks and invisible characters.</summary>
    /// <remarks>Control and format characters can hide or reverse the text after them; only the joiner of emoji and of some scripts is text.</remarks>
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

/// <summary>A parsed MovieLens title: <c>Matrix, The (1999)</c> is <c>The Matrix</c> of 1999.</summary>
internal readonly partial record struct MovieTitle(string Title, int? Year)
{
    [GeneratedRegex(@"^\s*(?<title>.+?)\s*\((?<year>[0-9]{4})(?:[-–][0-9]{0,4})?\)\s*$", RegexOptions.CultureInvariant)]
    private static partial Regex TitleAndYear();

    // Articles of the languages of MovieLens titles; "L'" and similar ones join without a space.
    [GeneratedRegex(@"^(?<name>.*?), (?<article>The|A|An|La|Le|Les|L'|El|Los|Las|Il|I|Lo|Gli|Der|Die|Das|Ein|Eine|Un|Une|De|Het|Den|Det|O|Os|As)(?<rest>\s+\(.*\))?$",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex TrailingArticle();

    // An alternative title of the same film, with its own article: "(Cité des enfants perdus, La)".
    [GeneratedRegex(@"\((?<prefix>a\.k\.a\. )?(?<title>[^()]+)\)", RegexOptions.CultureInvariant)]
    private static partial Regex OtherTitle();

    /// <summary>Splits off the year and moves a trailing article to the front.</summary>
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
