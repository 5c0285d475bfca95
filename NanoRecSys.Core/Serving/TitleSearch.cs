using System.Globalization;
using System.Text;

namespace NanoRecSys.Core.Serving;

/// <summary>
/// Finds items by what users type of a title: whole words, prefixes, parts of words, or words with typos;
/// without accents, and with or without the article.
/// </summary>
internal sealed class TitleSearch(IReadOnlyList<CatalogItem> items)
{
    private const int MaxWords = 16; // every title is compared with every word
    private const int NoMatch = 0;
    private const int Misspelt = 1;
    private const int Inside = 2;
    private const int Beginning = 3;
    private const int Whole = 4;

    private static readonly HashSet<string> Articles = ["the", "a", "an", "le", "la", "les", "l", "der", "die", "das", "el", "il", "los", "las"];

    private readonly string[][] _words = [.. items.Select(item => Words(item.Title))]; // the words of each title

    /// <returns>Positions of the titles that match every word, with a score: higher is better. For a blank query all titles, with equal scores.</returns>
    public IEnumerable<(int Place, int Score)> Find(string query) => Find(query, _words);

    /// <param name="titles">The <see cref="Words"/> of each title.</param>
    /// <returns>See <see cref="Find(string)"/>.</returns>
    public static IEnumerable<(int Place, int Score)> Find(string query, IEnumerable<string[]> titles)
    {
        string[] words = [.. Words(query).Distinct().Take(MaxWords)];
        if (words.Length == 0 && !string.IsNullOrWhiteSpace(query))
        {
            yield break; // punctuation alone matches nothing; a blank query matches everything
        }

        string[] telling = [.. words.Where(word => !Articles.Contains(word))];
        words = telling.Length > 0 ? telling : words;
        foreach ((int place, string[] title) in titles.Index())
        {
            if (TryScore(title, words, out int score))
            {
                yield return (place, score);
            }
        }
    }

    /// <summary>Lower-case words of letters and digits, without accents and apostrophes.</summary>
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

/// <summary>Words that differ by typos: a letter wrong, missing or extra, or two swapped.</summary>
internal static class Typo
{
    private const int ShortestForOne = 4;
    private const int ShortestForTwo = 8;
    private const int Longest = 64;

    /// <summary>One typo in words of 4 letters and more, two in words of 8 and more.</summary>
    public static bool IsNear(string word, string other)
    {
        int allowed = word.Length >= ShortestForTwo ? 2 : word.Length >= ShortestForOne ? 1 : 0;
        return allowed > 0 && Math.Abs(word.Length - other.Length) <= allowed && Math.Max(word.Length, other.Length) <= Longest
            && Distance(word, other) <= allowed;
    }

    // Damerau-Levenshtein (optimal string alignment), three rows of the table.
    private static int Distance(string a, string b)
    {
        Span<int> before = stackalloc int[b.Length + 1];
        Span<int> last = stackalloc int[b.Length + 1];
        Span<int> row = stackalloc int[b.Length + 1];
        for (int j = 0; j <= b.Length; j++)
        {
            row[j] = j;
        }

        for (int i = 1; i <= a.Length; i++)
        {
            Span<int> spare = before;
            before = last;
            last = row;
            row = spare;
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                row[j] = Math.Min(change, Math.Min(last[j], row[j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    row[j] = Math.Min(row[j], before[j - 2] + 1);
                }
            }
        }

        return row[b.Length];
    }
}
