using System.Text;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.UnitTests.Training.Data;

public sealed class MoviesReaderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Quoted_titles_keep_their_commas_and_doubled_quotes()
    {
        string path = Write("movies.csv", "movieId,title,genres\r\n11,\"American President, The (1995)\",Comedy|Drama\r\n140,\"The \"\"Real\"\" One (1996)\",(no genres listed)\r\n");

        IReadOnlyList<MovieRow> movies = MoviesReader.ReadCsv(path);

        Assert.Equal(2, movies.Count);
        Assert.Equal((11, "American President, The (1995)"), (movies[0].Id, movies[0].Title));
        Assert.Equal(["Comedy", "Drama"], movies[0].Genres);
        Assert.Equal("The \"Real\" One (1996)", movies[1].Title);
        Assert.Equal(["(no genres listed)"], movies[1].Genres);
    }

    [Theory]
    [InlineData("\"movieId\",\"title\",\"genres\"\n\"1\",\"Heat (1995)\",\"Crime\"\n")]
    [InlineData("\n\nmovieId ,Title, genres\n1,Heat (1995),Crime\n")]
    [InlineData("1,Heat (1995),Crime\n\n")]
    public void A_header_may_be_quoted_spaced_late_or_missing(string text)
    {
        MovieRow movie = Assert.Single(MoviesReader.ReadCsv(Write("movies.csv", text)));

        Assert.Equal((1, "Heat (1995)"), (movie.Id, movie.Title));
    }

    [Theory]
    [InlineData("1,Sex; Lies; Videotape; More; And More,Drama\n2,One; Two; Three; Four; Five,Crime\n", "Sex; Lies; Videotape; More; And More")]
    [InlineData("1,Heat (1995),Action|Crime|Drama|Thriller\n2,Casino (1995),Action|Crime|Drama|Thriller\n", "Heat (1995)")]
    public void Only_commas_separate_fields_whatever_else_a_row_has_more_of(string text, string title)
    {
        IReadOnlyList<MovieRow> movies = MoviesReader.ReadCsv(Write("movies.csv", text));

        Assert.Equal([1, 2], movies.Select(movie => movie.Id));
        Assert.Equal(title, movies[0].Title);
    }

    [Fact]
    public void Semicolons_between_columns_are_refused()
    {
        string path = Write("movies.csv", "movieId;title;genres\n1;Heat (1995);Crime\n");

        Assert.Equal(
            $"{path}, line 1: expected the columns movieId,title,genres, found movieId;title;genres.",
            Assert.Throws<UserErrorException>(() => MoviesReader.ReadCsv(path)).Message);
    }

    [Fact]
    public void Other_columns_are_refused()
    {
        string path = Write("movies.csv", "id,title,overview\n1,Heat (1995),Crime\n");

        Assert.Equal(
            $"{path}, line 1: expected the columns movieId,title,genres, found id,title,overview.",
            Assert.Throws<UserErrorException>(() => MoviesReader.ReadCsv(path)).Message);
    }

    [Fact]
    public void Each_line_is_decoded_by_itself_and_those_in_Windows_1252_are_counted()
    {
        string path = Path.Combine(_folder.Path, "movies.csv");
        File.WriteAllBytes(path,
        [
            .. "movieId,title,genres\n1,Amélie (2001),Comedy\n"u8,
            .. "2,Schindler"u8, 0x92, .. "s caf"u8, 0xE9, .. " (2006"u8, 0x96, .. "2007),Drama\n"u8,
        ]);
        var notes = new List<string>();

        IReadOnlyList<MovieRow> movies = MoviesReader.ReadCsv(path, notes);

        Assert.Equal(["Amélie (2001)", "Schindler’s café (2006–2007)"], movies.Select(movie => movie.Title));
        Assert.Equal([$"1 of 3 lines of {path} are not UTF-8 and were read as Windows-1252."], notes);
    }

    [Theory]
    [InlineData("utf-8")]
    [InlineData("latin1")]
    public void Titles_with_accents_are_read_in_either_encoding(string encoding)
    {
        string path = Path.Combine(_folder.Path, "movies.dat");
        File.WriteAllBytes(path, Encoding.GetEncoding(encoding).GetBytes("73::Misérables, Les (1995)::Drama|Musical\n"));

        MovieRow movie = Assert.Single(MoviesReader.ReadDat(path));

        Assert.Equal("Misérables, Les (1995)", movie.Title);
        Assert.Equal(["Drama", "Musical"], movie.Genres);
    }

    [Fact]
    public void A_byte_order_mark_is_not_part_of_the_header()
    {
        string path = Path.Combine(_folder.Path, "movies.csv");
        File.WriteAllText(path, "movieId,title,genres\n1,Toy Story (1995),Comedy\n", new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));

        Assert.Equal(1, Assert.Single(MoviesReader.ReadCsv(path)).Id);
    }

    [Fact]
    public void Genre_flags_are_named_by_the_genre_file()
    {
        string genres = Write("u.genre", "unknown|0\nAction|1\nDrama|2\n\n");
        string items = Write("u.item", "1|Toy Story (1995)|01-Jan-1995||http://x|0|1|1\n267|unknown||||1|0|0\n");

        IReadOnlyList<MovieRow> movies = MoviesReader.ReadItem(items, genres);

        Assert.Equal(["Action", "Drama"], movies[0].Genres);
        Assert.Empty(movies[1].Genres);
    }

    [Theory]
    [InlineData("1,Toy Story (1995)", "expected 3 fields (movieId, title, genres), found 2: 1,Toy Story (1995)")]
    [InlineData("1,Heat, The (1995),Drama", "expected 3 fields (movieId, title, genres), found 4: 1,Heat, The (1995),Drama")]
    [InlineData("one,Toy Story (1995),Drama", "the movieId 'one' is not a whole number: one,Toy Story (1995),Drama")]
    [InlineData("3000000001,Toy Story (1995),Drama", "the movieId '3000000001' is outside of -2147483648 to 2147483647: 3000000001,Toy Story (1995),Drama")]
    public void A_row_that_cannot_be_read_is_named_with_file_line_and_reason(string row, string reason)
    {
        string path = Write("movies.csv", $"movieId,title,genres\n5,\"Two\nlines (1999)\",Drama\n{row}\n");

        var error = Assert.Throws<UserErrorException>(() => MoviesReader.ReadCsv(path));

        Assert.Equal($"{path}, line 4: {reason}", error.Message);
    }

    [Fact]
    public void A_quote_that_never_closes_is_named_by_its_line()
    {
        string path = Write("movies.csv", "movieId,title,genres\n1,\"Toy Story (1995),Comedy\n2,Jumanji (1995),Comedy\n");

        var error = Assert.Throws<UserErrorException>(() => MoviesReader.ReadCsv(path));

        Assert.StartsWith($"{path}, line 2: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_row_of_the_flag_format_with_too_few_flags_is_refused()
    {
        string genres = Write("u.genre", "unknown|0\nAction|1\n");
        string items = Write("u.item", "1|Toy Story (1995)|01-Jan-1995||http://x|0\n");

        var error = Assert.Throws<UserErrorException>(() => MoviesReader.ReadItem(items, genres));

        Assert.Equal($"{items}, line 1: expected 7 fields, found 6: 1|Toy Story (1995)|01-Jan-1995||http://x|0", error.Message);
    }

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder.Path, name);
        File.WriteAllText(path, text);
        return path;
    }
}
