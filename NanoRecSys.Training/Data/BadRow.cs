namespace NanoRecSys.Training.Data;

/// <summary>The one form of message for a row that cannot be read: file, line, reason, and the text itself.</summary>
internal static class BadRow
{
    private const int LongestText = 80;

    public static string Message(string path, long line, string reason, string text) =>
        $"{path}, line {line}: {reason}: {Shorten(text)}";

    public static string Shorten(string text)
    {
        string oneLine = text.ReplaceLineEndings(" ").Replace('\t', ' ');
        return oneLine.Length <= LongestText ? oneLine : oneLine[..LongestText] + "...";
    }
}
