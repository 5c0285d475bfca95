using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Unicode;
using CsvHelper;
using NanoRecSys.Core.Contracts;
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

    /// <param name="file">The file.</param>
    /// <param name="separator">Between two fields: <c>,</c>, <c>::</c> or a tab.</param>
    /// <param name="progress">Receives the share of the file that is read, 0..1.</param>
    /// <param name="cancellation">Stops between rows.</param>
    /// <returns>In file order.</returns>
    /// <exception cref="UserErrorException">A row cannot be read: names file, line and reason.</exception>
    public static InteractionTable Read(DataFile file, string separator, Action<double>? progress = null, CancellationToken cancellation = default)
    {
        ReadOnlySpan<byte> separatorBytes = Encoding.ASCII.GetBytes(separator);
        using FileStream stream = file.Open();
        var lines = new ByteLines(stream, file.Name);
        var table = new InteractionTable((int)Math.Min(stream.Length / 20, 1 << 26)); // A row takes 20 bytes and more.
        bool isFirst = true;
        while (lines.TryRead(out ReadOnlySpan<byte> line))
        {
            if (line.Trim((byte)' ').IsEmpty)
            {
                continue;
            }

            if (isFirst)
            {
                isFirst = false;
                if (IsHeader(line, separator, file.Name, lines.Number))
                {
                    continue;
                }
            }

            if (!TryParse(line, separatorBytes, out RatingRow row))
            {
                throw new UserErrorException(Explain(file.Name, lines.Number, line, separator));
            }

            table.Add(row.User, row.Movie, row.Rating, row.Timestamp);
            if (lines.Number % LinesPerReport == 0)
            {
                cancellation.ThrowIfCancellationRequested();
                progress?.Invoke((double)lines.Position / stream.Length);
            }
        }

        return table.Count > 0 ? table : throw new UserErrorException($"{file.Name} contains no ratings.");
    }

    private static bool TryParse(ReadOnlySpan<byte> line, ReadOnlySpan<byte> separator, out RatingRow row)
    {
        bool isRow = TryField(ref line, separator, out ReadOnlySpan<byte> user) & TryField(ref line, separator, out ReadOnlySpan<byte> item)
            & TryField(ref line, separator, out ReadOnlySpan<byte> rating);
        row = default;
        if (!isRow || !TryInt(user, out int userId) || !TryInt(item, out int itemId)
            || !TryFloat(rating, out float stars) || !TryLong(Unquote(line), out long timestamp))
        {
            return false;
        }

        row = new RatingRow(userId, itemId, stars, timestamp);
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

    private static bool IsHeader(ReadOnlySpan<byte> line, string separator, string name, long number)
    {
        string text = LineText.Decode(line);
        string[] names = [.. text.Split(separator).Select(field => field.Trim(' ', '"'))];
        if (names.Any(field => field.Length == 0 || char.IsAsciiDigit(field[0]) || field[0] is '-' or '+'))
        {
            return false;
        }

        return names.SequenceEqual(FieldNames, StringComparer.OrdinalIgnoreCase)
            ? true
            : throw new UserErrorException($"{name}, line {number}: expected the columns {string.Join(',', FieldNames)}, found {BadRow.Shorten(text)}.");
    }

    // Only for a row that failed: which field, and why.
    private static string Explain(string name, long number, ReadOnlySpan<byte> line, string separator)
    {
        string text = LineText.Decode(line);
        string[] fields = text.Split(separator);
        if (fields.Length != Fields)
        {
            return BadRow.Message(name, number, $"expected {Fields} fields ({string.Join(", ", FieldNames)}), found {fields.Length}", text);
        }

        // The characters beside the digits decide, not their encoding.
        byte[][] values = [.. fields.Select(field => Unquote(Encoding.UTF8.GetBytes(field)).ToArray())];
        int bad = !TryInt(values[0], out _) ? 0 : !TryInt(values[1], out _) ? 1 : !TryFloat(values[2], out _) ? 2 : 3;
        string value = Encoding.UTF8.GetString(values[bad]);
        string reason = bad == 2 ? "is not a number" : BadRow.NotAnInteger(value, bad == 3 ? long.MinValue : int.MinValue, bad == 3 ? long.MaxValue : int.MaxValue);
        return BadRow.Message(name, number, $"the {FieldNames[bad]} '{BadRow.Shorten(value)}' {reason}", text);
    }
}

/// <summary>One row of a movies file.</summary>
/// <param name="Id">The data set's movie id.</param>
/// <param name="Title">As the file has it, such as <c>Matrix, The (1999)</c>.</param>
/// <param name="Genres">As the file has them; <see cref="ItemText"/> cleans them.</param>
internal sealed record MovieRow(EntityId Id, string Title, IReadOnlyList<string> Genres);

/// <summary>Reads <c>movies.csv</c>, <c>movies.dat</c> and <c>u.item</c>, in the encodings of <see cref="LineText"/>.</summary>
internal static class MoviesReader
{
    private const string UnknownGenre = "unknown"; // ML-100K's name for none.
    private const int ItemFieldsBeforeGenres = 5; // id, title, release date, video release date, URL
    private static readonly string[] FieldNames = ["movieId", "title", "genres"];

    // A separator that is not given is guessed: a semicolon where titles have several, or the bar between genres.
    private static readonly CsvReaderOptions CsvOptions =
        new() { Separator = ',', HasHeader = false, TrackLineNumbers = true, TrimWhitespace = true, MalformedData = CsvMalformedDataHandling.Throw };

    /// <param name="file">The file.</param>
    /// <param name="notes">Receives what the user should know about its contents.</param>
    /// <exception cref="UserErrorException">A row cannot be read: names file, line and reason.</exception>
    public static IReadOnlyList<MovieRow> ReadCsv(DataFile file, ICollection<string>? notes = null)
    {
        var movies = new List<MovieRow>();
        using CsvReader reader = CsvReader.FromText(ReadText(file, notes), CsvOptions);
        try
        {
            bool isFirst = true;
            while (reader.Read())
            {
                string text = Encoding.UTF8.GetString(reader.RawRecord);
                string[] fields = [.. Enumerable.Range(0, reader.FieldCount).Select(reader.GetString)];
                bool isHeader = isFirst && IsHeader(fields, file, reader.LineNumber, text);
                isFirst = isFirst && string.IsNullOrWhiteSpace(text);
                if (isHeader || string.IsNullOrWhiteSpace(text))
                {
                    continue;
                }

                Require(fields.Length == 3, file, reader.LineNumber, $"expected 3 fields (movieId, title, genres), found {fields.Length}", text);
                movies.Add(new MovieRow(ParseId(fields[0], file, reader.LineNumber, text), fields[1], fields[2].Split('|')));
            }
        }
        catch (CsvFormatException e)
        {
            throw new UserErrorException($"{file.Name}, line {e.LineNumber}: {e.Message}", e);
        }

        return movies;
    }

    /// <summary><c>id::title::genre|genre</c>, as ML-1M has it.</summary>
    /// <inheritdoc cref="ReadCsv"/>
    public static IReadOnlyList<MovieRow> ReadDat(DataFile file, ICollection<string>? notes = null) => [.. Lines(file, notes).Select(line =>
    {
        string[] row = line.Text.Split("::");
        Require(row.Length == 3, file, line.Number, $"expected 3 fields (movie::title::genres), found {row.Length}", line.Text);
        return new MovieRow(ParseId(row[0], file, line.Number, line.Text), row[1], row[2].Split('|'));
    })];

    /// <summary><c>id|title|release|video|url|0|1|...</c>, one flag per genre of <c>u.genre</c>, as ML-100K has it.</summary>
    /// <inheritdoc cref="ReadCsv"/>
    public static IReadOnlyList<MovieRow> ReadItem(DataFile file, DataFile? genresFile, ICollection<string>? notes = null)
    {
        string[] genres = genresFile is null ? [] : [.. Lines(genresFile, notes).Select(line => line.Text.Split('|')[0])];
        return [.. Lines(file, notes).Select(line =>
        {
            string[] row = line.Text.Split('|');
            int expected = ItemFieldsBeforeGenres + genres.Length;
            Require(row.Length >= expected, file, line.Number, $"expected {expected} fields, found {row.Length}", line.Text);
            IEnumerable<string> flagged = genres.Where((genre, g) => row[ItemFieldsBeforeGenres + g] == "1" && genre != UnknownGenre);
            return new MovieRow(ParseId(row[0], file, line.Number, line.Text), row[1], [.. flagged]);
        })];
    }

    private static bool IsHeader(string[] fields, DataFile file, long line, string text)
    {
        if (fields[0] is "" || char.IsAsciiDigit(fields[0][0]) || fields[0][0] is '-' or '+')
        {
            return false;
        }

        return fields.SequenceEqual(FieldNames, StringComparer.OrdinalIgnoreCase)
            ? true
            : throw new UserErrorException($"{file.Name}, line {line}: expected the columns {string.Join(',', FieldNames)}, found {BadRow.Shorten(text.TrimEnd())}.");
    }

    private static IEnumerable<(int Number, string Text)> Lines(DataFile file, ICollection<string>? notes) => ReadText(file, notes)
        .Split('\n')
        .Select((text, i) => (Number: i + 1, Text: text))
        .Where(line => !string.IsNullOrWhiteSpace(line.Text));

    private static string ReadText(DataFile file, ICollection<string>? notes)
    {
        using FileStream stream = file.Open();
        var lines = new ByteLines(stream, file.Name);
        var text = new StringBuilder();
        int recoded = 0;
        while (lines.TryRead(out ReadOnlySpan<byte> line))
        {
            recoded += Utf8.IsValid(line) ? 0 : 1;
            text.Append(LineText.Decode(line)).Append('\n');
        }

        if (recoded > 0)
        {
            notes?.Add(string.Create(
                CultureInfo.InvariantCulture, $"{recoded:N0} of {lines.Number:N0} lines of {file.Name} are not UTF-8 and were read as Windows-1252."));
        }

        return text.ToString();
    }

    private static int ParseId(string field, DataFile file, long line, string text)
    {
        bool isId = int.TryParse(field, NumberStyles.AllowLeadingSign | NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out int id);
        Require(isId, file, line, $"the movieId '{BadRow.Shorten(field)}' {BadRow.NotAnInteger(field, int.MinValue, int.MaxValue)}", text);
        return id;
    }

    private static void Require(bool condition, DataFile file, long line, string reason, string text)
    {
        if (!condition)
        {
            throw new UserErrorException(BadRow.Message(file.Name, line, reason, text.TrimEnd()));
        }
    }
}

internal readonly record struct RatingRow(int User, int Movie, float Rating, long Timestamp);
