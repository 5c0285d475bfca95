using NanoRecSys.Training.Data.Files;

namespace NanoRecSys.UnitTests.Training.Data.Files;

public sealed class DataPlaceTests : DataFileTests
{
    [Fact]
    public async Task Parts_of_one_kind_are_read_in_order_of_name_and_other_files_ignored()
    {
        Write("part-00001.csv", "user,item\n2,b\n");
        Write("part-00000.csv", "user,item\n1,a\n");
        Write("_SUCCESS", "");
        Write(".part-00000.csv.crc", "x");
        ReadData data = await With("README.md", "# Data").ReadAsync();

        Assert.Equal(["1 a 1 0", "2 b 1 1"], Rows(data));
        Assert.Equal(2, data.Format.Files);
    }

    [Fact]
    public async Task Subfolders_are_searched_if_a_folder_has_no_files()
    {
        Write("day=2/x.csv", "user,item\n2,b\n");
        Write("day=1/x.csv", "user,item\n1,a\n");

        Assert.Equal(["1 a 1 0", "2 b 1 1"], Rows(await ReadAsync()));
        Assert.Contains("Folder names are not read as columns: day. Write the values into the files if they matter.", Notes);
    }

    [Fact]
    public async Task A_link_to_a_parent_folder_repeats_no_file_and_hidden_folders_are_not_searched()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need a privilege on Windows.");
        Write("x/a.csv", "user,item\n1,a\n");
        Write("x/_temporary/a.csv", "user,item\n3,c\n");
        Write(".git/a.csv", "user,item\n3,c\n");
        Directory.CreateSymbolicLink(Path.Combine(Folder.Path, "x", "again"), Folder.Path);

        Assert.Equal(["1 a 1 0"], Rows(await ReadAsync()));
        Assert.Equal(["1 a 1 0"], Rows(await ReadAsync(Path.Combine(Folder.Path, "**", "a.csv"))));
    }

    [Fact]
    public async Task A_part_that_cannot_be_read_is_named_and_letter_case_of_columns_does_not_matter()
    {
        Write("a.csv", "user,item\n1,a\n");
        Write("b.csv", "User,ITEM\n2,b\n");
        Write("c.csv", "<html>404</html>");

        Assert.Equal(["1 a 1 0", "2 b 1 1"], Rows(await ReadAsync()));
        Assert.Contains(Notes, note => note.StartsWith("Not read: ", StringComparison.Ordinal) && note.EndsWith("c.csv is HTML or XML. Write a row per interaction as CSV or JSON lines.", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("logs/2024-*.csv", "1 a|2 b")]
    [InlineData("*/2025-01.csv", "3 c")]
    [InlineData("**/*-01.csv", "1 a|3 c")]
    public async Task A_pattern_names_its_matches(string pattern, string rows)
    {
        Write("logs/2024-01.csv", "user,item\n1,a\n");
        Write("logs/2024-02.csv", "user,item\n2,b\n");
        ReadData data = await With("logs/2025-01.csv", "user,item\n3,c\n").ReadAsync(Path.Combine(Folder.Path, pattern));

        Assert.Equal(rows, string.Join('|', Rows(data).Select(row => string.Join(' ', row.Split(' ')[..2]))));
    }

    [Fact]
    public async Task Files_of_two_kinds_are_distinguished_by_name_or_refused()
    {
        Write("ratings_2024.csv", "user,item,rating\n1,a,5\n");
        Write("tags_2024.csv", "user,item,tag\n1,a,fun\n");
        Assert.Equal(["1 a 5 0"], Rows(await ReadAsync()));

        File.Move(Folder.File("ratings_2024.csv"), Folder.File("stars.csv"));
        Assert.Equal("DIR contains several files with users and items (stars.csv, tags_2024.csv). Set --data to one of them.", await RefusalAsync());
    }

    [Fact]
    public async Task Parts_with_dates_and_with_numbers_are_refused()
    {
        Write("a.csv", "user,item,time\n1,a,1500000000\n");
        Write("b.csv", "user,item,time\n1,b,2020-01-01\n");

        Assert.Equal("DIR/b.csv has dates, but the previous file has numeric times. Use the same time format in all files.", await RefusalAsync());
    }

    [Fact]
    public async Task Names_with_brackets_and_quotes_are_plain_names()
    {
        string path = Write("it's [1].csv", "user,item\n1,a\n");
        Write("it's 1.csv", "user,item\n2,b\n");

        Assert.Equal(["1 a 1 0"], Rows(await ReadAsync(path)));
    }

    [Theory]
    [InlineData("x.xlsx", "is an Excel workbook. Save the sheet as CSV.")]
    [InlineData("x.tar.gz", "is a tar archive. Unpack it and set --data to the folder.")]
    [InlineData("x.csv.bz2", "is compressed with bzip2. Unpack it, or compress it with gzip or zstd.")]
    [InlineData("x.bin", "is not text. CSV, TSV, JSON lines, JSON arrays and Parquet are read, each also with gz or zst.")]
    [InlineData("x.parquet", "cannot be read: ")]
    [InlineData("x.csv.gz", "is not a complete gz file: ")]
    public async Task Files_that_cannot_be_read_are_refused_with_what_to_do(string name, string reason)
    {
        byte[] bytes = name switch { "x.parquet" => [.. "PAR1 and no more"u8], "x.csv.gz" => [0x1F, 0x8B, 3, 4, 0], _ => [0x50, 0x4B, 9, 4, 0, 0, 10, 0, 10] };
        string path = Write(name, bytes);

        Assert.StartsWith($"DIR/{name} {reason}", await RefusalAsync(path), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("log.csv.gz", "COMPRESSION gzip", 2)]
    [InlineData("log.csv.gz", "COMPRESSION gzip", 20)]
    [InlineData("log.csv.zst", "COMPRESSION zstd", 20)]
    public async Task A_truncated_compressed_file_is_refused(string name, string compression, int share)
    {
        string path = Copy(name, "SELECT i AS user_id, i % 997 AS item_id FROM range(50000) t(i)", $"FORMAT csv, HEADER, {compression}");
        byte[] whole = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        Write(name, whole[..^(whole.Length / share)]);

        Assert.StartsWith($"DIR/{name} is not a complete {name[^3..].TrimStart('.')} file", await RefusalAsync(path), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_without_data_is_refused() =>
        Assert.StartsWith("DIR contains no data file: ", await With("notes.md", "nothing").RefusalAsync(), StringComparison.Ordinal);

    [Theory]
    [InlineData("shop.v2", "shop.v2")]
    [InlineData("shop/events.csv.gz", "events")]
    [InlineData("export.ZIP", "export")]
    [InlineData("logs/2024-*.csv", "logs")]
    public void Prepared_data_is_named_after_the_last_part_without_its_format(string data, string name)
    {
        Directory.CreateDirectory(Folder.File("shop.v2"));
        Write("shop/events.csv.gz", "");
        Write("logs/2024-01.csv", "");

        Assert.Equal(name, DatasetSource.NameOf(Path.Combine(Folder.Path, data)));
    }
}
