namespace NanoRecSys.Api.Browsing;

/// <summary>Words that differ by slips of the fingers: a letter wrong, missing, too many, or two swapped.</summary>
internal static class Typo
{
    private const int ShortestForOne = 4;
    private const int ShortestForTwo = 8;
    private const int Longest = 64;

    /// <summary>One slip in words of 4 letters and more, two in words of 8 and more.</summary>
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
