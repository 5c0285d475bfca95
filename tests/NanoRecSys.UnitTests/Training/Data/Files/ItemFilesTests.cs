using System.Text;
using NanoRecSys.Training.Data.Files;

namespace NanoRecSys.UnitTests.Training.Data.Files;

public sealed class ItemFilesTests : DataFileTests
{
    public ItemFilesTests() => Write("ratings.csv", "userId,movieId,rating,timestamp\n1,2,3,4\n");

    [Fact]
    public async Task Quoted_titles_keep_their_commas_and_doubled_quotes()
    {
        IReadOnlyList<CatalogItem> items = await ReadItemsAsync("movies.csv", "movieId,title,genres\r\n11,\"American President, The (1995)\",Comedy|Drama\r\n140,\"The \"\"Real\"\" One (1996)\",(no genres listed)\r\n");

        Assert.Equal(["11: The American President (1995): Comedy|Drama", "140: The \"Real\" One (1996): "], items.Select(Show));
    }

    [Theory]
    [InlineData("\"movieId\",\"title\",\"genres\"\n\"1\",\"Heat (1995)\",\"Crime\"\n")]
    [InlineData("\n\nmovieId ,Title, genres\n1,Heat (1995),Crime\n")]
    [InlineData("movieId;title;genres\n1;Heat (1995);Crime\n")]
    [InlineData("1,Heat (1995),Crime\n\n")]
    [InlineData("\uFEFFmovieId,title,genres\n1,Heat (1995),Crime\n")]
    public async Task A_header_may_be_quoted_spaced_late_or_missing(string text) =>
        Assert.Equal(["1: Heat (1995): Crime"], (await ReadItemsAsync("movies.csv", text)).Select(Show));

    [Theory]
    [InlineData("1,Sex; Lies; Videotape; More; And More,Drama\n2,One; Two; Three; Four; Five,Crime\n", "1: Sex; Lies; Videotape; More; And More: Drama")]
    [InlineData("1,Heat (1995),Action|Crime|Drama|Thriller\n2,Casino (1995),Action|Crime|Drama|Thriller\n", "1: Heat (1995): Action|Crime|Drama|Thriller")]
    public async Task Only_commas_separate_fields_even_if_other_delimiters_are_more_frequent(string text, string first) =>
        Assert.Equal(first, Show((await ReadItemsAsync("movies.csv", text))[0]));

    [Fact]
    public async Task Each_line_is_decoded_separately_and_lines_in_Windows_1252_are_counted()
    {
        Write("movies.csv",
        [
            .. "movieId,title,genres\n1,Amélie (2001),Comedy\n"u8,
            .. "2,Schindler"u8, 0x92, .. "s caf"u8, 0xE9, .. " (2006"u8, 0x96, .. "2007),Drama\n"u8,
        ]);

        ReadData data = await ReadAsync();

        Assert.Equal(["1: Amélie (2001): Comedy", "2: Schindler’s café (2006): Drama"], data.Items.Select(Show));
        Assert.Contains(Notes, note => note.EndsWith("movies.csv are not UTF-8 and were read as Windows-1252.", StringComparison.Ordinal) && note.StartsWith("1 of 3 lines", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("utf-8")]
    [InlineData("latin1")]
    public async Task Titles_of_movies_dat_are_read_in_either_encoding(string encoding)
    {
        File.Move(Folder.File("ratings.csv"), Folder.File("old"));
        Write("ratings.dat", "1::73::3::4\n");
        Write("movies.dat", "73::Misérables, \"Les (1995)::Drama|Musical\n", Encoding.GetEncoding(encoding));

        Assert.Equal(["73: Misérables, \"Les (1995): Drama|Musical"], (await ReadAsync()).Items.Select(Show));
    }

    [Fact]
    public async Task Genre_flags_are_named_by_the_genre_file()
    {
        WriteOldest("1|Toy Story (1995)|01-Jan-1995||http://x|0|1|1\n267|unknown||||1|0|0\n", "unknown|0\nAction|1\nDrama|2\n\n");

        Assert.Equal(["1: Toy Story (1995): Action|Drama", "267: unknown: "], (await ReadAsync()).Items.Select(Show));
    }

    [Fact]
    public async Task A_row_of_the_flag_format_with_too_few_flags_is_refused()
    {
        WriteOldest("1|Toy Story (1995)|01-Jan-1995||http://x|0\n", "unknown|0\nAction|1\n");

        Assert.Equal("DIR/u.item, line 1: expected 7 fields, found 6: 1|Toy Story (1995)|01-Jan-1995||http://x|0", await RefusalAsync());
    }

    [Theory]
    [InlineData("1,Toy Story (1995)", "line 4: expected 3 fields (movieId, title, genres), found 2: 1,Toy Story (1995)")]
    [InlineData("1,Heat, The (1995),Drama", "line 4: expected 3 fields (movieId, title, genres), found 4: 1,Heat, The (1995),Drama")]
    [InlineData(",Toy Story (1995),Drama", "line 4: the movieId is missing: ,Toy Story (1995),Drama")]
    [InlineData("7,\"Toy Story (1995),Drama", "line 4: a quote is not closed, or text follows one: 7,\"Toy Story (1995),Drama")]
    public async Task A_row_that_cannot_be_read_is_named_with_file_line_and_reason(string row, string reason) =>
        Assert.Equal($"DIR/movies.csv, {reason}", await With("movies.csv", $"movieId,title,genres\n5,\"Two\nlines (1999)\",Drama\n{row}\n").RefusalAsync());

    [Fact]
    public async Task Known_columns_get_their_meaning_and_others_the_type_of_their_contents()
    {
        Write("log.csv", "user,item\nu,sku-1\n");
        string items = Write("products.csv", """
            item_id,title,categories,image_url,created_at,available_from,available_until,hidden,price,brand,colors,description,listed,zip
            sku-1,"Chair, blue",Home|Chairs,https://shop.example/1.png,2024-01-02,2024-02-01T00:00:00Z,2030-01-01,false,49.90,Acme,blue|red,A long text about a chair.,2024-01-05,00501
            sku-2,Table,,not a url,1704153600,,,TRUE,120,Acme,,,2024-01-06,10115

            """);

        ReadData data = await ReadAsync(Folder.File("log.csv"), new ReadOptions { Items = items });

        CatalogItem chair = data.Items[0];
        Assert.Equal(("sku-1", "Chair, blue", "Home|Chairs", "https://shop.example/1.png"), (chair.Id.Text, chair.Title, string.Join('|', chair.Categories), chair.ImageUrl));
        Assert.Equal((new DateTime(2024, 1, 2), new DateTime(2024, 2, 1), new DateTime(2030, 1, 1)), (chair.CreatedAt!.Value.UtcDateTime, chair.AvailableFrom!.Value.UtcDateTime, chair.AvailableUntil!.Value.UtcDateTime));
        Assert.Equal((false, true), (chair.Hidden, data.Items[1].Hidden));
        Assert.Equal((null, new DateTime(2024, 1, 2)), (data.Items[1].ImageUrl, data.Items[1].CreatedAt!.Value.UtcDateTime));
        Assert.Equal(49.9, chair.Attributes["Price"].Number);
        Assert.Equal(
            [("brand", AttributeKind.Category), ("colors", AttributeKind.Categories), ("description", AttributeKind.Text), ("listed", AttributeKind.Time), ("price", AttributeKind.Number), ("zip", AttributeKind.Category)],
            chair.Attributes.OrderBy(attribute => attribute.Key).Select(attribute => (attribute.Key, attribute.Value.Kind)));
        Assert.Equal(["blue", "red"], chair.Attributes["colors"].Texts);
        Assert.Equal(1_704_412_800, chair.Attributes["listed"].Number);
    }

    [Theory]
    [InlineData("available_until", "31.12.2020", "the available_until '31.12.2020' is not a time: an ISO date, or seconds or milliseconds since 1970")]
    [InlineData("available_from", "soon", "the available_from 'soon' is not a time: an ISO date, or seconds or milliseconds since 1970")]
    [InlineData("hidden", "maybe", "the hidden 'maybe' is not true or false")]
    public async Task Columns_that_hide_an_item_must_be_readable(string column, string value, string reason) =>
        Assert.Equal($"DIR/movies.csv, line 3: {reason}: 3,{value}", await With("movies.csv", $"item_id,{column}\n2,\n3,{value}\n").RefusalAsync());

    [Fact]
    public async Task A_date_of_creation_in_words_is_an_attribute_and_an_item_described_twice_is_counted()
    {
        IReadOnlyList<CatalogItem> items = await ReadItemsAsync("movies.csv", "item_id,title,date_added\n2,A,\"May 1, 2019\"\n2,B,\n");

        Assert.Equal((null, "May 1, 2019"), (items[0].CreatedAt, items[0].Attributes["date_added"].Texts[0]));
        Assert.Contains(Notes, note => note.StartsWith("1 rows of ", StringComparison.Ordinal) && note.EndsWith("movies.csv describe an item that an earlier row describes. The first one counts.", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Of_several_possible_id_columns_the_interactions_column_is_used()
    {
        File.Delete(Folder.File("ratings.csv"));
        Write("events.csv", "user_id,product_id\nu,1\n");
        Write("products.csv", "sku,product_id,title\nS-1,1,Chair\n");

        CatalogItem item = Assert.Single((await ReadAsync()).Items);
        Assert.Equal(("1", "Chair", "S-1"), (item.Id.Text, item.Title, item.Attributes["sku"].Texts[0]));

        Write("events.csv", "who,product_id\nu,1\n");
        Assert.Equal("Chair", Assert.Single((await ReadAsync(options: new ReadOptions { Columns = "user=who,item=product_id" })).Items).Title);
        Assert.DoesNotContain(Notes, note => note.StartsWith("Not read: ", StringComparison.Ordinal));

        Write("events.csv", "user_id,product_id\nu,1\n");
        Write("products.csv", "sku,asin,title\nS-1,1,Chair\n");
        Assert.Empty((await ReadAsync()).Items);
        Assert.Contains(Notes, note => note.Contains("products.csv has several columns that could be the items: sku, asin.", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Lists_in_Parquet_JSON_and_Python_are_categories()
    {
        Write("log.csv", "user,item\nu,1\n");
        string log = Folder.File("log.csv");
        string parquet = Copy("i.parquet", "SELECT 1 AS item_id, ['a', 'b'] AS categories, [3, 4] AS sizes, {'x': 1} AS nothing", "FORMAT parquet");
        string json = Write("i.jsonl", "{\"item_id\": 1, \"categories\": [\"a\", \"b\"], \"sizes\": [3, 4]}\n");
        string python = Write("i.csv", "item_id,categories,sizes\n1,\"['a', 'b']\",\"[3, 4]\"\n");

        foreach (string items in new[] { parquet, json, python })
        {
            CatalogItem item = Assert.Single((await ReadAsync(log, new ReadOptions { Items = items })).Items);
            Assert.Equal("1:  : a|b 3|4", $"{item.Id}: {item.Title} : {string.Join('|', item.Categories)} {string.Join('|', item.Attributes["sizes"].Texts)}");
            Assert.Single(item.Attributes);
        }
    }

    [Fact]
    public async Task A_JSON_object_gives_each_item_its_categories()
    {
        string log = Write("Beauty.txt", "1 4 83\n");
        Write("Beauty_item2attributes.json", "{\"4\": [1, 2, 3], \"83\": [4]}");

        Assert.Equal(["4: : 1|2|3", "83: : 4"], (await ReadAsync(log)).Items.Select(Show));
    }

    [Fact]
    public async Task The_items_file_must_be_unambiguous()
    {
        File.Delete(Folder.File("ratings.csv"));
        Write("log.csv", "user,item\nu,1\n");
        Write("a.csv", "item,title\n1,A\n");
        Write("b.csv", "item,title\n1,B\n");

        Assert.Empty((await ReadAsync()).Items);
        Assert.Contains("Several files could describe the items (a.csv, b.csv), so none is read. Name one with --items.", Notes);
        Assert.Equal("B", Assert.Single((await ReadAsync(options: new ReadOptions { Items = Folder.File("b.csv") })).Items).Title);
        Assert.Equal("--items nowhere.csv is not an existing file.", await RefusalAsync(options: new ReadOptions { Items = "nowhere.csv" }));
    }

    [Fact]
    public async Task A_file_without_a_column_of_items_is_refused()
    {
        string items = Write("x.csv", "code,name\n1,A\n");

        Assert.Equal(
            "DIR/x.csv has no column with a usual name for items among code, name. Rename it to item_id, or name it: --columns item=COLUMN.",
            await RefusalAsync(options: new ReadOptions { Items = items }));
    }

    private async Task<IReadOnlyList<CatalogItem>> ReadItemsAsync(string name, string text)
    {
        Write(name, text);
        return (await ReadAsync()).Items;
    }

    private void WriteOldest(string items, string genres)
    {
        File.Delete(Folder.File("ratings.csv"));
        Write("u.data", "1\t1\t3\t4\n");
        Write("u.item", items);
        Write("u.genre", genres);
    }

    private static string Show(CatalogItem item) => $"{item.Id}: {item.Title}{(item.Year is { } year ? $" ({year})" : "")}: {string.Join('|', item.Categories)}";
}
