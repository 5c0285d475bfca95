using System.Diagnostics;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.UnitTests.Training.Data;

public sealed class RatingsReaderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n2,10,4,835355493\n", ",")]
    [InlineData("userId,movieId,rating,timestamp\r\n1,31,2.5,1260759144\r\n2,10,4,835355493\r\n", ",")]
    [InlineData("\uFEFFuserId,movieId,rating,timestamp\n1,31,2.5,1260759144\n2,10,4,835355493", ",")]
    [InlineData("\"userId\",\"movieId\",\"rating\",\"timestamp\"\n\"1\",\"31\",\"2.5\",\"1260759144\"\n 2, 10, 4.0, 835355493\n\n", ",")]
    [InlineData("1,31,2.5,1260759144\n2,10,4,835355493\n", ",")]
    [InlineData("\n \n\"userId\" , movieId,RATING,timestamp\n1,31,2.5,1260759144\n2,10,4,835355493\n", ",")]
    [InlineData("1::31::2.5::1260759144\n2::10::4::835355493\n", "::")]
    [InlineData("1\t31\t2.5\t1260759144\n2\t10\t4\t835355493\n", "\t")]
    public void Every_format_reads_the_same_rows_in_file_order(string text, string separator)
    {
        InteractionTable table = RatingsReader.Read(Write(text), separator);

        Assert.Equal(2, table.Count);
        Assert.Equal(("1", "31", 2.5f, 1260759144), Row(table, 0));
        Assert.Equal(("2", "10", 4f, 835355493), Row(table, 1));
    }

    [Theory]
    [InlineData("1,31,2.5", "expected 4 fields (userId, movieId, rating, timestamp), found 3: 1,31,2.5")]
    [InlineData("1,31,2.5,7,8", "expected 4 fields (userId, movieId, rating, timestamp), found 5: 1,31,2.5,7,8")]
    [InlineData("x1,31,2.5,7", "the userId 'x1' is not a whole number: x1,31,2.5,7")]
    [InlineData("1,31.5,2.5,7", "the movieId '31.5' is not a whole number: 1,31.5,2.5,7")]
    [InlineData("1,99999999999,2.5,7", "the movieId '99999999999' is outside of -2147483648 to 2147483647: 1,99999999999,2.5,7")]
    [InlineData("3000000001,31,2.5,7", "the userId '3000000001' is outside of -2147483648 to 2147483647: 3000000001,31,2.5,7")]
    [InlineData("1,31,2.5,99999999999999999999", "the timestamp '99999999999999999999' is outside of -9223372036854775808 to 9223372036854775807: 1,31,2.5,99999999999999999999")]
    [InlineData("Jürgen,31,2.5,7", "the userId 'Jürgen' is not a whole number: Jürgen,31,2.5,7")]
    [InlineData("1,31,2\u001b[31m.5,7", "the rating '2 [31m.5' is not a number: 1,31,2 [31m.5,7")]
    [InlineData("1,31,good,7", "the rating 'good' is not a number: 1,31,good,7")]
    [InlineData("1,31,NaN,7", "the rating 'NaN' is not a number: 1,31,NaN,7")]
    [InlineData("1,31,2.5,", "the timestamp '' is not a whole number: 1,31,2.5,")]
    public void A_row_that_cannot_be_read_is_named_with_file_line_and_reason(string row, string reason)
    {
        string path = Write($"userId,movieId,rating,timestamp\n1,2,3,4\n{row}\n");

        var error = Assert.Throws<UserErrorException>(() => RatingsReader.Read(path, ","));

        Assert.Equal($"{path}, line 3: {reason}", error.Message);
    }

    [Fact]
    public void A_header_with_other_columns_is_refused()
    {
        string path = Write("movieId,userId,rating,timestamp\n1,2,3,4\n");

        var error = Assert.Throws<UserErrorException>(() => RatingsReader.Read(path, ","));

        Assert.Equal($"{path}, line 1: expected the columns userId,movieId,rating,timestamp, found movieId,userId,rating,timestamp.", error.Message);
    }

    [Fact]
    public void A_line_without_an_end_is_refused_before_it_fills_the_memory()
    {
        string path = Write("1,2,3,4\n" + new string('1', 2_000_000));

        var error = Assert.Throws<UserErrorException>(() => RatingsReader.Read(path, ","));

        Assert.Equal($"{path}, line 2: longer than 1,048,576 bytes. Rows must end with LF or CRLF.", error.Message);
    }

    [Fact]
    public void UTF_16_is_named()
    {
        string path = Path.Combine(_folder.Path, "ratings.csv");
        File.WriteAllText(path, "userId,movieId,rating,timestamp\n1,2,3,4\n", System.Text.Encoding.Unicode);

        Assert.Equal($"{path} is encoded as UTF-16. Save it as UTF-8.", Assert.Throws<UserErrorException>(() => RatingsReader.Read(path, ",")).Message);
    }

    [Fact]
    public void A_long_bad_row_is_shortened()
    {
        string path = Write(new string('9', 500) + "\n");

        var error = Assert.Throws<UserErrorException>(() => RatingsReader.Read(path, ","));

        Assert.EndsWith(new string('9', 80) + "...", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_without_rows_is_refused() =>
        Assert.Contains("contains no ratings", Assert.Throws<UserErrorException>(() => RatingsReader.Read(Write("userId,movieId,rating,timestamp\n"), ",")).Message, StringComparison.Ordinal);

    [Fact]
    public void A_pipe_is_refused_instead_of_waited_for()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no pipes among its files.");
        string path = _folder.File("ratings.csv");
        using Process mkfifo = Process.Start("mkfifo", [path]);
        mkfifo.WaitForExit();

        Assert.Equal($"{path} is empty or not a regular file.", Assert.Throws<UserErrorException>(() => RatingsReader.Read(path, ",")).Message);
    }

    [Fact]
    public void Rows_that_span_the_reading_buffer_come_whole()
    {
        const int Rows = 120_000; // About 2.5 MB, against a buffer of 1 MiB.
        string path = Write(string.Concat(Enumerable.Range(0, Rows).Select(i => $"{i},{i % 997},3.5,{1_000_000_000L + i}\n")));

        InteractionTable table = RatingsReader.Read(path, ",");

        Assert.Equal(Rows, table.Count);
        Assert.All(Enumerable.Range(0, Rows), i => Assert.Equal(($"{i}", $"{i % 997}", 3.5f, 1_000_000_000L + i), Row(table, i)));
    }

    private string Write(string text)
    {
        string path = Path.Combine(_folder.Path, "ratings.csv");
        File.WriteAllText(path, text);
        return path;
    }

    private static (string User, string Item, float Rating, long Time) Row(InteractionTable table, int row) =>
        (table.UserIds[table.Users[row]].Text, table.ItemIds[table.Items[row]].Text, table.Ratings[row], table.Times[row]);
}
