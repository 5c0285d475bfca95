using System.Diagnostics;
using System.Text;
using NanoRecSys.Training.Data.Files;

namespace NanoRecSys.UnitTests.Training.Data.Files;

/// <summary>How rows of interactions are read, and which are refused.</summary>
public sealed class RowsTests : DataFileTests
{
    private const string Header = "userId,movieId,rating,timestamp\n";

    [Theory]
    [InlineData("ratings.csv", "userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n2,10,4,835355493\n")]
    [InlineData("ratings.csv", "userId,movieId,rating,timestamp\r\n1,31,2.5,1260759144\r\n2,10,4,835355493\r\n")]
    [InlineData("ratings.csv", "\uFEFFuserId,movieId,rating,timestamp\n1,31,2.5,1260759144\n2,10,4,835355493")]
    [InlineData("ratings.csv", "\"userId\",\"movieId\",\"rating\",\"timestamp\"\n\"1\",\"31\",\"2.5\",\"1260759144\"\n 2, 10, 4.0, 835355493\n\n")]
    [InlineData("ratings.csv", "1,31,2.5,1260759144\n2,10,4,835355493\n")]
    [InlineData("ratings.csv", "\n \n\"userId\" , movieId,RATING,timestamp\n1,31,2.5,1260759144\n \n2,10,4,835355493\n")]
    [InlineData("ratings.csv", "movieId,userId,timestamp,rating\n31,1,1260759144,2.5\n10,2,835355493,4\n")]
    [InlineData("ratings.csv", "USER ID;ITEM ID;Rating;ts\n1;31;2.5;1260759144\n2;10;4;835355493\n")]
    [InlineData("ratings.dat", "1::31::2.5::1260759144\n2::10::4::835355493\n")]
    [InlineData("u.data", "1\t31\t2.5\t1260759144\n2\t10\t4\t835355493\n")]
    [InlineData("ratings.csv", "user_id,item_id,rating,timestamp,0\n1,31,2.5,1260759144,9\n2,10,4,835355493,9\n")]
    [InlineData("log.txt", "# users and what they rated\nuser|item|stars|time\n1|31|2.5|1260759144\n2|10|4|835355493\n")]
    [InlineData("ratings.csv", "userId,movieId,rating,timestamp\n1,31,2.5,1260759144\r\n2,10,4,835355493\n")]
    [InlineData("ratings.csv", "sep=;\r\nuserId;movieId;rating;timestamp\r\n1;31;2.5;1260759144\r\n2;10;4;835355493\r\n")]
    [InlineData("log.jsonl", "\uFEFF{\"user\": 1, \"item\": 31, \"rating\": 2.5, \"time\": 1260759144}\n{\"user\": 2, \"item\": 10, \"rating\": 4, \"time\": 835355493}\n")]
    [InlineData("log.jsonl", "{\"user\": 1, \"item\": 31, \"rating\": 2.5, \"time\": 1260759144, \"x\": NaN, \"X\": 5}\n{\"user\": 2, \"item\": 10, \"rating\": 4, \"time\": 835355493, \"x\": -Infinity}\n")]
    [InlineData("log.json", "[{\"user\": 1, \"item\": 31, \"rating\": 2.5, \"time\": 1260759144},\n {\"user\": 2, \"item\": 10, \"rating\": 4, \"time\": 835355493}]")]
    [InlineData("log.jsonl", "{\"user\": 1, \"item\": \"31\", \"rating\": 2.5, \"time\": 1260759144}\n\n{\"user\": 2, \"item\": \"10\", \"rating\": 4, \"time\": 835355493, \"more\": {}}\n")]
    public async Task Every_format_reads_the_same_rows_in_file_order(string name, string text)
    {
        ReadData data = await With(name, text).ReadAsync();

        Assert.Equal(["1 31 2.5 1260759144", "2 10 4 835355493"], Rows(data));
        Assert.True(data.Interactions.UserIds.AreNumbers);
    }

    [Theory]
    [InlineData("FORMAT parquet", "events.parquet")]
    [InlineData("FORMAT csv, HEADER, COMPRESSION zstd", "events.csv.zst")]
    [InlineData("FORMAT csv, HEADER, COMPRESSION gzip", "events.csv.gz")]
    [InlineData("FORMAT csv, HEADER, COMPRESSION gzip", "EVENTS.CSV.GZ")]
    [InlineData("FORMAT csv, HEADER, COMPRESSION zstd", "events.csv")]
    [InlineData("FORMAT csv, HEADER, COMPRESSION gzip", "events.csv")]
    [InlineData("FORMAT csv, HEADER, COMPRESSION none", "events.csv.gz")]
    [InlineData("FORMAT json, COMPRESSION gzip", "events.jsonl.gz")]
    [InlineData("FORMAT json, COMPRESSION zstd", "events.jsonl.zst")]
    public async Task Files_that_other_programs_write_are_read_with_their_types(string options, string name)
    {
        string path = Copy(
            name, "SELECT '6f9619ff-8b86-d011-b42d-00c04fc964ff'::UUID AS user_id, 'SKU-' || i AS sku, TIMESTAMP '2024-05-01 10:00:00' + INTERVAL (i) HOUR AS event_time, (i + 0.5)::FLOAT AS score FROM range(2) t(i)", options);

        ReadData data = await ReadAsync(path);

        Assert.Equal(["6f9619ff-8b86-d011-b42d-00c04fc964ff SKU-0 0.5 1714557600", "6f9619ff-8b86-d011-b42d-00c04fc964ff SKU-1 1.5 1714561200"], Rows(data));
    }

    [Fact]
    public async Task Integers_stored_as_floats_because_of_missing_values_are_integers_again()
    {
        Copy("a.parquet", "SELECT 12::DOUBLE AS user_id, 7.0::FLOAT AS item_id, 1500000000::BIGINT AS ts", "FORMAT parquet");

        Assert.Equal(["12 7 1 1500000000"], Rows(await ReadAsync()));
    }

    [Theory]
    [InlineData("12.00::DECIMAL(18,2) AS user_id, 7::DECIMAL(38,10) AS item_id", "12 7 1 0")]
    [InlineData("1.50::DECIMAL(18,2) AS user_id, 7.25::DOUBLE AS item_id", "1.50 7.25 1 0")]
    public async Task Decimals_with_integer_values_are_integers(string columns, string row)
    {
        Copy("a.parquet", $"SELECT {columns}", "FORMAT parquet");

        Assert.Equal([row], Rows(await ReadAsync()));
    }

    [Theory]
    [InlineData("'nan'::DOUBLE AS item_id", "DIR/a.parquet, row 1: the item_id is missing")]
    [InlineData("7 AS item_id, NULL::BIGINT AS ts", "DIR/a.parquet, row 1: the ts is missing; --columns time= leaves the column out")]
    [InlineData("[7] AS item_id", "The column item_id of DIR/a.parquet has objects or lists, but ids are numbers or strings. Write the id into a column of its own, or name another column: --columns item=COLUMN.")]
    [InlineData("{'id': 7} AS item_id", "The column item_id of DIR/a.parquet has objects or lists, but ids are numbers or strings. Write the id into a column of its own, or name another column: --columns item=COLUMN.")]
    public async Task Parquet_values_that_are_not_ids_or_times_are_named(string columns, string refusal)
    {
        Copy("a.parquet", $"SELECT 1 AS user_id, {columns}", "FORMAT parquet");

        Assert.Equal(refusal, await RefusalAsync());
    }

    [Theory]
    [InlineData("a.csv", "user,item\r1,2\r", "ends its lines with CR alone. Write LF instead, for example with tr '\\r' '\\n'.")]
    [InlineData("a.json", "{\"data\": [{\"user\": 1, \"item\": 2}]}", "is one JSON object, not rows. Write an array of objects, or an object in each line, such as {\"user_id\": 1, \"item_id\": 2}.")]
    [InlineData("a.csv", "PK\u0003\u0004\0", "is a zip archive or an Office file. Give an archive the extension .zip, and save a workbook as CSV.")]
    public async Task A_file_of_another_kind_is_refused_with_the_remedy(string name, string text, string reason) =>
        Assert.Equal($"DIR/{name} {reason}", await With(name, text).RefusalAsync());

    [Fact]
    public async Task Ids_may_begin_with_the_sign_of_comments() =>
        Assert.Equal(["#a x 1 0", "#b y 1 1"], Rows(await With("log.csv", "#a,x\n#b,y\n").ReadAsync()));

    [Theory]
    [InlineData("1,31,2.5", "expected 4 fields (userId, movieId, rating, timestamp), found 3: 1,31,2.5")]
    [InlineData("1,31,2.5,7,8", "expected 4 fields (userId, movieId, rating, timestamp), found 5: 1,31,2.5,7,8")]
    [InlineData(",31,2.5,7", "the userId is missing: ,31,2.5,7")]
    [InlineData("1, ,2.5,7", "the movieId is missing: 1, ,2.5,7")]
    [InlineData("Jürgen\u0007,31,2.5,7", "the userId 'Jürgen ' is not an id: 1 to 256 bytes of UTF-8 without control characters, other than '.' and '..': Jürgen ,31,2.5,7")]
    [InlineData("1,31,2\u001b[31m.5,7", "the rating '2 [31m.5' is not a number: 1,31,2 [31m.5,7")]
    [InlineData("1,31,good,7", "the rating 'good' is not a number: 1,31,good,7")]
    [InlineData("1,31,NaN,7", "the rating 'NaN' is not a number: 1,31,NaN,7")]
    [InlineData("1,31,1e39,7", "the rating '1e39' is not a number: 1,31,1e39,7")]
    [InlineData("1,31,\"2,5\",7", "the rating '2,5' is not a number: 1,31,\"2,5\",7")]
    [InlineData("..,31,2.5,7", "the userId '..' is not an id: 1 to 256 bytes of UTF-8 without control characters, other than '.' and '..': ..,31,2.5,7")]
    [InlineData("1,31,2.5,", "the timestamp is missing; --columns time= leaves the column out: 1,31,2.5,")]
    [InlineData("1,31,2.5,99999999999999999999", "the timestamp '99999999999999999999' is not a time: a number since 1970, or an ISO date: 1,31,2.5,99999999999999999999")]
    [InlineData("1,31,2.5,12/1/2010 8:26", "the timestamp '12/1/2010 8:26' is not a time: a number since 1970, or an ISO date: 1,31,2.5,12/1/2010 8:26")]
    [InlineData("1,\"31,2.5,7", "a quote is not closed, or text follows one: 1,\"31,2.5,7")]
    public async Task A_row_that_cannot_be_read_is_named_with_file_line_and_reason(string row, string reason) =>
        Assert.Equal($"DIR/ratings.csv, line 4: {reason}", await With("ratings.csv", $"{Header}1,2,3,4\n\n{row}\n").RefusalAsync());

    [Theory]
    [InlineData("{\"user\": 1, \"item\": 2, \"ts\": \"yesterday\"}", "the ts 'yesterday' is not a time: a number since 1970, or an ISO date")]
    [InlineData("{\"user\": 1, \"ts\": 5}", "the item is missing")]
    [InlineData("not JSON", "not a complete JSON object")]
    [InlineData("{\"user\": 1, ", "not a complete JSON object")]
    [InlineData("[1, 2]", "not a complete JSON object")]
    public async Task A_line_of_JSON_that_cannot_be_read_is_named(string line, string reason) =>
        Assert.Equal($"DIR/log.jsonl, line 2: {reason}: {line}", await With("log.jsonl", $"{{\"user\": 1, \"item\": 2, \"ts\": 5}}\n{line}\n").RefusalAsync());

    [Fact]
    public async Task A_date_that_cannot_be_read_is_named() =>
        Assert.Equal(
            "DIR/log.csv, line 3: the day is missing or not an ISO date: 1,3,2024-02-30", await With("log.csv", "user,item,day\n1,2,2024-02-28\n1,3,2024-02-30\n").RefusalAsync(options: new ReadOptions { Columns = "time=day" }));

    [Fact]
    public async Task The_line_of_a_bad_row_counts_quoted_line_breaks_and_rows_that_were_rejected()
    {
        Write("log.csv", "user,item,rating,note\n1,2,3,\"two\nlines\"\n1,2\n1,5,bad,x\n");

        Assert.Equal("DIR/log.csv, line 4: expected 4 fields (user, item, rating, note), found 2: 1,2", await RefusalAsync());
        Assert.Equal(
            "More than 1 rows cannot be read. Raise --skip-bad-rows, or correct them. The first: DIR/log.csv, line 4: expected 4 fields (user, item, rating, note), found 2: 1,2",
            await RefusalAsync(options: new ReadOptions { SkipBadRows = 1 }));
        ReadData data = await ReadAsync(options: new ReadOptions { SkipBadRows = 2 });
        Assert.Equal((1, 2L), (data.Interactions.Count, data.Bad));
        Assert.Contains(Notes, note => note.StartsWith("2 rows cannot be read and were left out. The first: ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_endless_line_is_refused_before_it_fills_memory() =>
        Assert.Equal("DIR/ratings.csv, line 2: longer than 1,048,576 bytes. Rows must end with LF or CRLF.", await With("ratings.csv", "1,2,3,4\n" + new string('1', 2_000_000)).RefusalAsync());

    [Fact]
    public async Task UTF_16_is_named()
    {
        Write("ratings.csv", [.. Encoding.Unicode.GetPreamble(), .. Encoding.Unicode.GetBytes(Header)]);

        Assert.Equal("DIR/ratings.csv is encoded as UTF-16. Save it as UTF-8.", await RefusalAsync());
    }

    [Fact]
    public async Task A_long_bad_row_is_shortened_in_the_message() =>
        Assert.EndsWith(new string('9', 80) + "...", await With("ratings.csv", Header + new string('9', 500) + "\n").RefusalAsync(), StringComparison.Ordinal);

    [Theory]
    [InlineData("ratings.csv", Header)]
    [InlineData("log.jsonl", "\n\n")]
    public async Task A_file_without_rows_is_refused(string name, string text) =>
        Assert.Equal($"DIR/{name} contains no rows.", await With(name, text).RefusalAsync());

    [Fact]
    public async Task A_pipe_is_refused_without_blocking()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no pipes among its files.");
        string path = Folder.File("ratings.csv");
        using Process mkfifo = Process.Start("mkfifo", [path]);
        await mkfifo.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal("DIR/ratings.csv is empty or not a regular file.", await RefusalAsync());
    }

    [Fact]
    public async Task Rows_of_a_large_file_are_complete_and_in_order_and_the_last_bad_one_is_named()
    {
        const int Many = 400_000; // more than one of DuckDB's buffers, so that several threads parse
        var text = new StringBuilder("user,item,ts\n");
        for (int i = 0; i < Many; i++)
        {
            text.Append(i).Append(",i").Append(i % 997).Append(',').Append(1_000_000_000L + i).Append(",\n"[1]);
        }

        Write("log.csv", text.ToString());
        ReadData data = await ReadAsync();
        Assert.Equal(Many, data.Interactions.Count);
        Assert.All(Enumerable.Range(0, Many), i => Assert.Equal((i, i % 997, 1_000_000_000L + i), (data.Interactions[i].User, data.Interactions[i].Item, data.Interactions[i].Timestamp)));

        Write("log.csv", text.Append("7,8,nine\n").ToString());
        Assert.StartsWith($"DIR/log.csv, line {Many + 2}: the ts 'nine' is not a time", await RefusalAsync(), StringComparison.Ordinal);

        WriteGzip("log.csv.gz", text.Replace("7,8,nine\n", "7,8\n").ToString());
        Assert.Equal($"DIR/log.csv.gz, line {Many + 2}: expected 3 fields (user, item, ts), found 2: 7,8", await RefusalAsync(Folder.File("log.csv.gz")));
    }

    [Theory]
    [InlineData("1500000000", "1500000007", 1_500_000_000, 1_500_000_007, "seconds")]
    [InlineData("1500000000.25", "1500000007", 1_500_000_000, 1_500_000_007, "seconds with decimals")]
    [InlineData("1.5e9", "1500000007.0", 1_500_000_000, 1_500_000_007, "seconds")]
    [InlineData("1500000000250", "1500000007999", 1_500_000_000, 1_500_000_007, "milliseconds")]
    [InlineData("1500000000250000", "1500000007999999", 1_500_000_000, 1_500_000_007, "microseconds")]
    [InlineData("2017-07-14", "2017-07-15", 1_499_990_400, 1_500_076_800, "dates")]
    [InlineData("2017-07-14T02:40:00Z", "2017-07-14 02:40:07.5", 1_500_000_000, 1_500_000_007, "dates")]
    [InlineData("2017-07-14T04:40:00+02:00", "2017-07-14 02:40:07 UTC", 1_500_000_000, 1_500_000_007, "dates")]
    public async Task The_unit_of_times_is_recognized(string first, string second, long firstSeconds, long secondSeconds, string unit)
    {
        ReadData data = await With("log.csv", $"user,item,time\n1,2,{first}\n1,3,{second}\n").ReadAsync();

        Assert.Equal([$"1 2 1 {firstSeconds}", $"1 3 1 {secondSeconds}"], Rows(data));
        Assert.Equal(unit, data.Unit.Name);
        Assert.Equal(unit != "seconds", Notes.Any(note => note.Contains(unit, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Exact_repeats_are_dropped_unless_kept_by_an_option()
    {
        ReadData data = await With("log.csv", "user,item,rating\n1,2,3\n1,2,3\n1,2,4\n").ReadAsync();

        Assert.Equal((2, 1), (data.Interactions.Count, data.Repeats));
        Assert.Contains("1 rows are exact copies of earlier ones and were dropped. --keep-repeats keeps them.", Notes);
        Assert.Equal(3, (await ReadAsync(options: new ReadOptions { KeepRepeats = true })).Interactions.Count);
    }

    [Theory]
    [InlineData("visitorid,itemid,sku\n1,2,3\n", "has several columns that could be the items: itemid, sku. Name the one to use: --columns item=itemid.")]
    [InlineData("user,item,timestamp,date\n1,2,3,4\n", "has several columns that could be the times: timestamp, date. Name the one to use: --columns time=timestamp.")]
    [InlineData("who,what,when\n1,2,3\n", "has no column with a usual name for users among who, what, when. Name it: --columns user=COLUMN.")]
    [InlineData("user,what,when\n1,2,3\n", "has no column with a usual name for items among user, what, when. Name it: --columns item=COLUMN.")]
    public async Task Ambiguous_columns_are_refused_with_the_option_to_name_them(string text, string reason) =>
        Assert.Equal($"DIR/log.csv {reason}", await With("log.csv", text).RefusalAsync());

    [Theory]
    [InlineData("user=who,item=what,time=when", "1 2 1 3")]
    [InlineData("user=1,item=2", "1 2 1 0")]
    [InlineData("user=what,item=who", "2 1 1 0")]
    public async Task Columns_may_be_named_by_name_or_position(string columns, string row) =>
        Assert.Equal([row], Rows(await With("log.csv", "who,what,when\n1,2,3\n").ReadAsync(options: new ReadOptions { Columns = columns })));

    [Fact]
    public async Task An_empty_name_leaves_a_column_unread_and_an_unknown_one_is_refused()
    {
        Write("log.csv", "user,item,timestamp,date,count\n1,2,3,4,many\n");

        Assert.Equal(["1 2 1 4"], Rows(await ReadAsync(options: new ReadOptions { Columns = "time=date,weight=" })));
        Assert.Equal("--columns time=then: DIR/log.csv has the columns user, item, timestamp, date, count.", await RefusalAsync(options: new ReadOptions { Columns = "time=then" }));
    }

    [Theory]
    [InlineData("user:a")]
    [InlineData("person=a")]
    [InlineData("user=a,user=b")]
    public async Task A_wrong_list_of_columns_is_refused(string columns) =>
        Assert.Contains("must be user=NAME, item=NAME, time=NAME, weight=NAME or event=NAME", await With("log.csv", "user,item\n1,2\n").RefusalAsync(options: new ReadOptions { Columns = columns }), StringComparison.Ordinal);

    [Fact]
    public async Task Events_of_negative_weight_are_not_interactions_and_others_weigh_one()
    {
        ReadData data = await With("log.csv", "user,item,event\n1,2,view\n1,3,Dislike\n1,4,share\n").ReadAsync(options: new ReadOptions { EventWeights = "view=0.25,dislike=-1,buy=2" });

        Assert.Equal(["1 2 1 0 x0.25", "1 4 1 1"], Rows(data));
        Assert.Equal([("view", 0.25, 1L), ("Dislike", -1, 1), ("share", 1, 1)], data.EventTypes.Select(type => (type.Name, type.Weight, type.Rows)));
        Assert.Contains("1 events have a type of weight zero or less and are not interactions.", Notes);
        Assert.Contains(Notes, note => note.StartsWith("--event-weights names types that the data does not have: buy.", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("view")]
    [InlineData("view=much")]
    [InlineData("view=1,view=2")]
    public void Wrong_weights_of_events_are_refused(string weights) =>
        Assert.Contains("must be NAME=NUMBER", Assert.Throws<NanoRecSys.Training.Pipeline.UserErrorException>(() => EventWeights.Parse(weights)).Message, StringComparison.Ordinal);
}
