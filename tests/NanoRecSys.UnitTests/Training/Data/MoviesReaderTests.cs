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
        Assert.Empty(movies[1].Genres);
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
