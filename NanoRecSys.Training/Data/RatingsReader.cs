using System.Buffers.Text;
using System.Globalization;
using System.Text;
using CsvHelper;
using NanoRecSys.Core.Data;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Data;

/// <summary>
/// Reads a ratings file: <c>ratings.csv</c> (comma, with or without its header), <c>ratings.dat</c> (<c>::</c>)
/// or <c>u.data</c> (tab), one <c>user, movie, rating, timestamp</c> a row. Fields are numbers, perhaps quoted.
/// </summary>
internal static class RatingsReader
{
    private const int Fields = 4;
    private const int LinesPerReport = 1 << 17;
    private static readonly string[] FieldNames = ["userId", "movieId", "rating", "timestamp"];

    /// <param name="path">The file.</param>
    /// <param name="separator">Between two fields: <c>,</c>, <c>::</c> or a tab.</param>
    /// <param name="progress">Receives the share of the file that is read, 0..1.</param>
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

        return table.Count > 0 ? table : throw new UserErrorException($"{path} contains no ratings.");
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

/// <summary>One row of a movies file.</summary>
/// <param name="Id">The data set's movie id.</param>
/// <param name="Title">As the file has it, such as <c>Matrix, The (1999)</c>.</param>
/// <param name="Genres">In the order of the file; empty where it lists none.</param>
internal sealed record MovieRow(int Id, string Title, IReadOnlyList<string> Genres);

/// <summary>Reads <c>movies.csv</c>, <c>movies.dat</c> and <c>u.item</c>, in UTF-8 or, where it is not that, latin-1.</summary>
internal static class MoviesReader
{
    private const string NoGenres = "(no genres listed)";
    private const string UnknownGenre = "unknown"; // ML-100K's name for none.
    private const int ItemFieldsBeforeGenres = 5; // id, title, release date, video release date, URL

    private static readonly CsvReaderOptions CsvOptions =
        new() { HasHeader = false, TrackLineNumbers = true, MalformedData = CsvMalformedDataHandling.Throw };

    /// <exception cref="UserErrorException">A row cannot be read: names file, line and reason.</exception>
    public static IReadOnlyList<MovieRow> ReadCsv(string path)
    {
        var movies = new List<MovieRow>();
        using CsvReader reader = CsvReader.FromText(ReadText(path), CsvOptions);
        try
        {
            while (reader.Read())
            {
                string text = Encoding.UTF8.GetString(reader.RawRecord);
                if (reader.LineNumber == 1 && text.StartsWith("movieId,", StringComparison.OrdinalIgnoreCase))
                {
                    continue;
                }

                Require(reader.FieldCount == 3, path, reader.LineNumber, $"expected 3 fields (movieId, title, genres), found {reader.FieldCount}", text);
                movies.Add(new MovieRow(ParseId(reader.GetString(0), path, reader.LineNumber, text), reader.GetString(1), SplitGenres(reader.GetString(2))));
            }
        }
        catch (CsvFormatException e)
        {
            throw new UserErrorException($"{path}, line {e.LineNumber}: {e.Message}", e);
        }

        return movies;
    }

    /// <summary><c>id::title::genre|genre</c>, as ML-1M has it.</summary>
    /// <exception cref="UserErrorException">A row cannot be read: names file, line and reason.</exception>
    public static IReadOnlyList<MovieRow> ReadDat(string path) => [.. Lines(path).Select(line =>
    {
        string[] row = line.Text.Split("::");
        Require(row.Length == 3, path, line.Number, $"expected 3 fields (movie::title::genres), found {row.Length}", line.Text);
        return new MovieRow(ParseId(row[0], path, line.Number, line.Text), row[1], SplitGenres(row[2]));
    })];

    /// <summary><c>id|title|release|video|url|0|1|...</c>, one flag per genre of <c>u.genre</c>, as ML-100K has it.</summary>
    /// <exception cref="UserErrorException">A row cannot be read: names file, line and reason.</exception>
    public static IReadOnlyList<MovieRow> ReadItem(string path, string genresPath)
    {
        string[] genres = File.Exists(genresPath) ? [.. Lines(genresPath).Select(line => line.Text.Split('|')[0])] : [];
        return [.. Lines(path).Select(line =>
        {
            string[] row = line.Text.Split('|');
            int expected = ItemFieldsBeforeGenres + genres.Length;
            Require(row.Length >= expected, path, line.Number, $"expected {expected} fields, found {row.Length}", line.Text);
            IEnumerable<string> flagged = genres.Where((genre, g) => row[ItemFieldsBeforeGenres + g] == "1" && genre != UnknownGenre);
            return new MovieRow(ParseId(row[0], path, line.Number, line.Text), row[1], [.. flagged]);
        })];
    }

    private static string[] SplitGenres(string field) =>
        field is NoGenres or "" ? [] : field.Split('|', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static IEnumerable<(int Number, string Text)> Lines(string path) => ReadText(path)
        .Split('\n')
        .Select((text, i) => (Number: i + 1, Text: text.TrimEnd('\r')))
        .Where(line => !string.IsNullOrWhiteSpace(line.Text));

    // Older MovieLens editions are latin-1, newer ones UTF-8; no latin-1 title with an accent is valid UTF-8.
    private static string ReadText(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes).TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException)
        {
            return Encoding.Latin1.GetString(bytes);
        }
    }

    private static int ParseId(string field, string path, long line, string text)
    {
        bool isId = int.TryParse(field, NumberStyles.AllowLeadingSign | NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture, out int id);
        Require(isId, path, line, $"the movieId '{BadRow.Shorten(field)}' is not a whole number", text);
        return id;
    }

    private static void Require(bool condition, string path, long line, string reason, string text)
    {
        if (!condition)
        {
            throw new UserErrorException(BadRow.Message(path, line, reason, text.TrimEnd()));
        }
    }
}

/// <summary>Lines of a stream as bytes, without their line ends (LF or CRLF) and without garbage per line.</summary>
internal sealed class ByteLines(Stream stream)
{
    private const int InitialBuffer = 1 << 20;
    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    private byte[] _buffer = new byte[InitialBuffer];
    private int _start;
    private int _end;
    private bool _streamEnded;

    /// <summary>1-based number of the line that was read last.</summary>
    public long Number { get; private set; }

    /// <summary>Bytes of the stream up to the end of the line that was read last.</summary>
    public long Position { get; private set; }

    /// <param name="line">Valid until the next call.</param>
    public bool TryRead(out ReadOnlySpan<byte> line)
    {
        int length;
        while ((length = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n')) < 0 && !_streamEnded)
        {
            Refill();
        }

        bool isLast = length < 0;
        length = isLast ? _end - _start : length;
        line = _buffer.AsSpan(_start, length);
        int consumed = isLast ? length : length + 1;
        if (consumed == 0)
        {
            return false;
        }

        _start += consumed;
        Position += consumed;
        Number++;
        line = Number == 1 && line.StartsWith(ByteOrderMark) ? line[ByteOrderMark.Length..] : line;
        line = line.EndsWith("\r"u8) ? line[..^1] : line;
        return true;
    }

    private void Refill()
    {
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        if (_end == _buffer.Length)
        {
            Array.Resize(ref _buffer, checked(_buffer.Length * 2));
        }

        int read = stream.Read(_buffer, _end, _buffer.Length - _end);
        _end += read;
        _streamEnded = read == 0;
    }
}

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
