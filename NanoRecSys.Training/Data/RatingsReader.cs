using System.Buffers.Text;
using System.Text;
using NanoRecSys.Core.Data;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Data;

/// <summary>
/// Reads a ratings file: <c>ratings.csv</c> (comma, with or without its header), <c>ratings.dat</c> (<c>::</c>)
/// or <c>u.data</c> (tab), one <c>user, movie, rating, timestamp</c> a row. Fields are numbers, perhaps quoted.
/// </summary>
public static class RatingsReader
{
    private const int Fields = 4;
    private const int LinesPerReport = 1 << 17;
    private static readonly string[] FieldNames = ["userId", "movieId", "rating", "timestamp"];

    /// <param name="path">The file.</param>
    /// <param name="separator">Between two fields: <c>,</c>, <c>::</c> or a tab.</param>
    /// <param name="progress">Told the share of the file that is read, 0..1.</param>
    /// <param name="cancellation">Stops between rows.</param>
    /// <returns>In file order.</returns>
    /// <exception cref="UserErrorException">A row cannot be read: names file, line and reason.</exception>
    public static InteractionTable Read(string path, string separator, Action<double>? progress = null, CancellationToken cancellation = default)
    {
        ReadOnlySpan<byte> separatorBytes = Encoding.ASCII.GetBytes(separator);
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
        var lines = new ByteLines(file);
        var table = new InteractionTable((int)Math.Min(file.Length / 20, 1 << 26)); // A row takes 20 bytes and more.
        while (lines.TryRead(out ReadOnlySpan<byte> line))
        {
            if (line.Trim((byte)' ').IsEmpty || (lines.Number == 1 && IsHeader(line, separatorBytes, path)))
            {
                continue;
            }

            if (!TryParse(line, separatorBytes, out Interaction row))
            {
                throw new UserErrorException(Explain(path, lines.Number, line, separatorBytes));
            }

            table.Add(row);
            if (lines.Number % LinesPerReport == 0)
            {
                cancellation.ThrowIfCancellationRequested();
                progress?.Invoke((double)lines.Position / file.Length);
            }
        }

        return table.Count > 0 ? table : throw new UserErrorException($"{path} holds no ratings.");
    }

    private static bool TryParse(ReadOnlySpan<byte> line, ReadOnlySpan<byte> separator, out Interaction row)
    {
        bool isRow = TryField(ref line, separator, out ReadOnlySpan<byte> user) & TryField(ref line, separator, out ReadOnlySpan<byte> item)
            & TryField(ref line, separator, out ReadOnlySpan<byte> rating);
        row = default;
        if (!isRow || !TryInt(user, out int userId) || !TryInt(item, out int itemId)
            || !TryFloat(rating, out float stars) || !TryLong(Unquote(line), out long timestamp))
        {
            return false;
        }

        row = new Interaction(userId, itemId, stars, timestamp);
        return true;
    }

    // Cuts the first field off the line; false where no separator follows it.
    private static bool TryField(ref ReadOnlySpan<byte> line, ReadOnlySpan<byte> separator, out ReadOnlySpan<byte> field)
    {
        int end = line.IndexOf(separator);
        field = Unquote(end < 0 ? line : line[..end]);
        line = end < 0 ? [] : line[(end + separator.Length)..];
        return end >= 0;
    }

    private static ReadOnlySpan<byte> Unquote(ReadOnlySpan<byte> field)
    {
        field = field.Trim((byte)' ');
        return field.Length >= 2 && field[0] == '"' && field[^1] == '"' ? field[1..^1] : field;
    }

    private static bool TryInt(ReadOnlySpan<byte> field, out int value) =>
        Utf8Parser.TryParse(field, out value, out int used) && used == field.Length;

    private static bool TryLong(ReadOnlySpan<byte> field, out long value) =>
        Utf8Parser.TryParse(field, out value, out int used) && used == field.Length;

    private static bool TryFloat(ReadOnlySpan<byte> field, out float value) =>
        Utf8Parser.TryParse(field, out value, out int used) && used == field.Length && float.IsFinite(value);

    private static bool IsHeader(ReadOnlySpan<byte> line, ReadOnlySpan<byte> separator, string path)
    {
        string text = Encoding.Latin1.GetString(line);
        string[] names = [.. text.Split(Encoding.ASCII.GetString(separator)).Select(name => name.Trim(' ', '"'))];
        if (names.Any(name => name.Length == 0 || char.IsAsciiDigit(name[0]) || name[0] == '-'))
        {
            return false;
        }

        return names.SequenceEqual(FieldNames, StringComparer.OrdinalIgnoreCase)
            ? true
            : throw new UserErrorException($"{path}, line 1: expected the columns {string.Join(',', FieldNames)}, found {BadRow.Shorten(text)}.");
    }

    // Only for a row that failed: which field, and why.
    private static string Explain(string path, long number, ReadOnlySpan<byte> line, ReadOnlySpan<byte> separator)
    {
        string text = Encoding.Latin1.GetString(line);
        string[] fields = [.. text.Split(Encoding.ASCII.GetString(separator)).Select(field => Encoding.Latin1.GetString(Unquote(Encoding.Latin1.GetBytes(field))))];
        if (fields.Length != Fields)
        {
            return BadRow.Message(path, number, $"expected {Fields} fields ({string.Join(", ", FieldNames)}), found {fields.Length}", text);
        }

        bool[] isNumber = [TryInt(Encoding.Latin1.GetBytes(fields[0]), out _), TryInt(Encoding.Latin1.GetBytes(fields[1]), out _), TryFloat(Encoding.Latin1.GetBytes(fields[2]), out _)];
        int bad = Array.IndexOf(isNumber, false);
        bad = bad < 0 ? Fields - 1 : bad;
        string kind = bad == 2 ? "a number" : "a whole number";
        return BadRow.Message(path, number, $"the {FieldNames[bad]} '{BadRow.Shorten(fields[bad])}' is not {kind}", text);
    }
}
