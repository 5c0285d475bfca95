using NanoRecSys.Training.Data.Files;

namespace NanoRecSys.UnitTests.Training.Data.Files;

public sealed class DataPlaceTests : IDisposable
{
    private readonly ReadFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Parts_of_one_kind_are_read_in_order_of_name_and_other_files_ignored()
    {
        _folder.Write("part-00001.csv", "user,item\n2,b\n");
        _folder.Write("part-00000.csv", "user,item\n1,a\n");
        _folder.Write("_SUCCESS", "");
        _folder.Write(".part-00000.csv.crc", "x");
        ReadData data = await _folder.With("README.md", "# Data").ReadAsync();

        Assert.Equal(["1 a 1 0", "2 b 1 1"], ReadFolder.Rows(data));
        Assert.Equal(2, data.Format.Files);
    }

    [Fact]
    public async Task Subfolders_are_searched_if_a_folder_has_no_files()
    {
        _folder.Write("day=2/x.csv", "user,item\n2,b\n");
        _folder.Write("day=1/x.csv", "user,item\n1,a\n");

        Assert.Equal(["1 a 1 0", "2 b 1 1"], ReadFolder.Rows(await _folder.ReadAsync()));
        Assert.Contains("Folder names are not read as columns: day. Write the values into the files if they matter.", _folder.Notes);
    }

    [Fact]
    public async Task A_link_to_a_parent_folder_repeats_no_file_and_hidden_folders_are_not_searched()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need a privilege on Windows.");
        _folder.Write("x/a.csv", "user,item\n1,a\n");
        _folder.Write("x/_temporary/a.csv", "user,item\n3,c\n");
        _folder.Write(".git/a.csv", "user,item\n3,c\n");
        Directory.CreateSymbolicLink(Path.Combine(_folder.Path, "x", "again"), _folder.Path);

        Assert.Equal(["1 a 1 0"], ReadFolder.Rows(await _folder.ReadAsync()));
        Assert.Equal(["1 a 1 0"], ReadFolder.Rows(await _folder.ReadAsync(Path.Combine(_folder.Path, "**", "a.csv"))));
    }

    [Fact]
    public async Task A_part_that_cannot_be_read_is_named_and_letter_case_of_columns_does_not_matter()
    {
        _folder.Write("a.csv", "user,item\n1,a\n");
        _folder.Write("b.csv", "User,ITEM\n2,b\n");
        _folder.Write("c.csv", "<html>404</html>");

        Assert.Equal(["1 a 1 0", "2 b 1 1"], ReadFolder.Rows(await _folder.ReadAsync()));
        Assert.Contains(_folder.Notes, note => note.StartsWith("Not read: ", StringComparison.Ordinal) && note.EndsWith("c.csv is HTML or XML. Write a row per interaction as CSV or JSON lines.", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("logs/2024-*.csv", "1 a|2 b")]
    [InlineData("*/2025-01.csv", "3 c")]
    [InlineData("**/*-01.csv", "1 a|3 c")]
    public async Task A_pattern_names_its_matches(string pattern, string rows)
    {
        _folder.Write("logs/2024-01.csv", "user,item\n1,a\n");
        _folder.Write("logs/2024-02.csv", "user,item\n2,b\n");
        ReadData data = await _folder.With("logs/2025-01.csv", "user,item\n3,c\n").ReadAsync(Path.Combine(_folder.Path, pattern));

        Assert.Equal(rows, string.Join('|', ReadFolder.Rows(data).Select(row => string.Join(' ', row.Split(' ')[..2]))));
    }

    [Fact]
    public async Task Files_of_two_kinds_are_distinguished_by_name_or_refused()
    {
        _folder.Write("ratings_2024.csv", "user,item,rating\n1,a,5\n");
        _folder.Write("tags_2024.csv", "user,item,tag\n1,a,fun\n");
        Assert.Equal(["1 a 5 0"], ReadFolder.Rows(await _folder.ReadAsync()));

        File.Move(Path.Combine(_folder.Path, "ratings_2024.csv"), Path.Combine(_folder.Path, "stars.csv"));
        Assert.Equal("DIR contains several files with users and items (stars.csv, tags_2024.csv). Set --data to one of them.", await _folder.RefusalAsync());
    }

    [Fact]
    public async Task Parts_with_dates_and_with_numbers_are_refused()
    {
        _folder.Write("a.csv", "user,item,time\n1,a,1500000000\n");
        _folder.Write("b.csv", "user,item,time\n1,b,2020-01-01\n");

        Assert.Equal("DIR/b.csv has dates, but the previous file has numeric times. Use the same time format in all files.", await _folder.RefusalAsync());
    }

    [Fact]
    public async Task Names_with_brackets_and_quotes_are_plain_names()
    {
        string path = _folder.Write("it's [1].csv", "user,item\n1,a\n");
        _folder.Write("it's 1.csv", "user,item\n2,b\n");

        Assert.Equal(["1 a 1 0"], ReadFolder.Rows(await _folder.ReadAsync(path)));
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
        string path = _folder.Write(name, bytes);

        Assert.StartsWith($"DIR/{name} {reason}", await _folder.RefusalAsync(path), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("log.csv.gz", "COMPRESSION gzip", 2)]
    [InlineData("log.csv.gz", "COMPRESSION gzip", 20)]
    [InlineData("log.csv.zst", "COMPRESSION zstd", 20)]
    public async Task A_truncated_compressed_file_is_refused(string name, string compression, int share)
    {
        string path = _folder.Copy(name, "SELECT i AS user_id, i % 997 AS item_id FROM range(50000) t(i)", $"FORMAT csv, HEADER, {compression}");
        byte[] whole = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        _folder.Write(name, whole[..^(whole.Length / share)]);

        Assert.StartsWith($"DIR/{name} is not a complete {name[^3..].TrimStart('.')} file", await _folder.RefusalAsync(path), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_without_data_is_refused() =>
        Assert.StartsWith("DIR contains no data file: ", await _folder.With("notes.md", "nothing").RefusalAsync(), StringComparison.Ordinal);

    [Theory]
    [InlineData("shop.v2", "shop.v2")]
    [InlineData("shop/events.csv.gz", "events")]
    [InlineData("export.ZIP", "export")]
    [InlineData("logs/2024-*.csv", "logs")]
    public void Prepared_data_is_named_after_the_last_part_without_its_format(string data, string name)
    {
        Directory.CreateDirectory(Path.Combine(_folder.Path, "shop.v2"));
        _folder.Write("shop/events.csv.gz", "");
        _folder.Write("logs/2024-01.csv", "");

        Assert.Equal(name, DatasetSource.NameOf(Path.Combine(_folder.Path, data)));
    }
}
