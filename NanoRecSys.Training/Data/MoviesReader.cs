using System.Globalization;
using System.Text;
using CsvHelper;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Data;

/// <summary>One row of a movies file.</summary>
/// <param name="Id">The data set's movie id.</param>
/// <param name="Title">As the file has it, such as <c>Matrix, The (1999)</c>.</param>
/// <param name="Genres">In the order of the file; empty where it lists none.</param>
public sealed record MovieRow(int Id, string Title, IReadOnlyList<string> Genres);

/// <summary>Reads <c>movies.csv</c>, <c>movies.dat</c> and <c>u.item</c>, in UTF-8 or, where it is not that, latin-1.</summary>
public static class MoviesReader
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
