namespace NanoRecSys.Training.Data.Files;

/// <summary>Rows that cannot be read, and the one form of message for them: file, line, reason, and the text itself.</summary>
internal static class BadRow
{
    private const int LongestText = 80;

    /// <param name="place">Such as <c>line 3</c>.</param>
    public static string Message(string name, string place, string reason, string text) =>
        $"{name}, {place}: {reason}{(text.Length > 0 ? ": " + Shorten(text) : "")}";

    public static string Shorten(string text)
    {
        string oneLine = string.Concat(text.Select(character => char.IsControl(character) ? ' ' : character));
        return oneLine.Length <= LongestText ? oneLine : oneLine[..LongestText] + "...";
    }

    /// <summary>Whether a file has no more rows that cannot be read than may be left out.</summary>
    /// <returns>How many there are, and the message of the first; null where there is none.</returns>
    public static (long Count, string? First) Judge(DataTable table, DuckDb duck, List<(long Row, string Reason)> bad, long allowed)
    {
        List<(long Line, string Reason, string Text)> rejected = table.Rejected(duck, isRead: bad.Count <= allowed);
        long count = bad.Count + rejected.Count;
        if (count == 0)
        {
            return (0, null);
        }

        (string place, long line, string text) = bad.Count > 0 ? table.Find(bad[0].Row, rejected.Select(one => one.Line).ToHashSet()) : ("", long.MaxValue, "");
        string first = rejected.Count > 0 && rejected[0].Line < line
            ? Message(table.File.Name, $"line {rejected[0].Line}", rejected[0].Reason, rejected[0].Text)
            : Message(table.File.Name, place, bad[0].Reason, text);
        return count <= allowed ? (count, first) : throw new UserErrorException(allowed == 0
            ? first
            : $"More than {allowed:N0} rows cannot be read. Raise --skip-bad-rows, or correct them. The first: {first}");
    }
}
