using System.Globalization;
using System.Text;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Api.Browsing;

/// <summary>
/// Finds movies by what people type of a title: whole words, their beginnings, parts of them, or with a slip of the
/// fingers; without accents, and whether or not the article is there.
/// </summary>
public sealed class TitleSearch
{
    private const int MaxWords = 16; // every title is compared with every word
    private const int NoMatch = 0;
    private const int Misspelt = 1;
    private const int Inside = 2;
    private const int Beginning = 3;
    private const int Whole = 4;

    private static readonly HashSet<string> Articles = ["the", "a", "an", "le", "la", "les", "l", "der", "die", "das", "el", "il", "los", "las"];

    private readonly string[][] _words; // of each title

    public TitleSearch(IReadOnlyList<CatalogItem> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        _words = [.. items.Select(item => Words(item.Title))];
    }

    /// <param name="query">Any text.</param>
    /// <returns>Places of the titles that match every word, with how well: higher is better. All, alike, for no words.</returns>
    public IEnumerable<(int Place, int Score)> Find(string query)
    {
        ArgumentNullException.ThrowIfNull(query);
        string[] words = [.. Words(query).Distinct().Take(MaxWords)];
        string[] telling = [.. words.Where(word => !Articles.Contains(word))];
        words = telling.Length > 0 ? telling : words;
        for (int place = 0; place < _words.Length; place++)
        {
            if (TryScore(_words[place], words, out int score))
            {
                yield return (place, score);
            }
        }
    }

    /// <summary>Lower-case words of letters and digits, accents and apostrophes dropped.</summary>
    internal static string[] Words(string text)
    {
        var plain = new StringBuilder(text.Length);
        foreach (char c in text.Normalize(NormalizationForm.FormD))
        {
            UnicodeCategory category = CharUnicodeInfo.GetUnicodeCategory(c);
            if (category != UnicodeCategory.NonSpacingMark && c != '\'')
            {
                plain.Append(char.IsLetterOrDigit(c) ? char.ToLowerInvariant(c) : ' ');
            }
        }

        return plain.ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries);
    }

    private static bool TryScore(string[] title, string[] words, out int score)
    {
        score = 0;
        foreach (string word in words)
        {
            int best = NoMatch;
            foreach (string other in title)
            {
                best = Math.Max(best, Match(word, other));
            }

            if (best == NoMatch)
            {
                return false;
            }

            score += best;
        }

        return true;
    }

    private static int Match(string word, string title) =>
        title == word ? Whole
        : title.StartsWith(word, StringComparison.Ordinal) ? Beginning
        : word.Length >= 3 && title.Contains(word, StringComparison.Ordinal) ? Inside
        : Typo.IsNear(word, title) ? Misspelt
        : NoMatch;
}
