using System.Text.RegularExpressions;
using NanoRecSys.Training.Data.Files;

namespace NanoRecSys.UnitTests.Training.Data.Files;

/// <summary>The examples of docs/data.md.</summary>
public sealed partial class DocumentedFormatsTests : DataFileTests
{
    public static TheoryData<string, string> Interactions => Examples(isItems: false);

    public static TheoryData<string, string> Items => Examples(isItems: true);

    [Theory]
    [MemberData(nameof(Interactions))]
    public async Task Interactions_are_read_as_documented(string name, string text)
    {
        Write(name, text);

        string[] rows = Rows(await ReadAsync());

        Assert.Equal(["ada sku-1", "ada sku-2", "ada sku-3"], rows.Where(row => row.StartsWith("ada ", StringComparison.Ordinal)).Select(row => string.Join(' ', row.Split(' ')[..2])));
    }

    [Theory]
    [MemberData(nameof(Items))]
    public async Task Items_are_read_as_documented(string name, string text)
    {
        string log = Write("log.csv", "user,item\nada,sku-1\n");

        ReadData data = await ReadAsync(log, new ReadOptions { Items = Write(name, text) });

        Assert.Equal(["sku-1", "sku-2", "sku-3"], data.Items.Select(item => item.Id.Text));
        Assert.All(data.Items, item => Assert.NotEmpty(item.Categories));
    }

    [Fact]
    public void The_page_has_an_example_of_each_text_format() =>
        Assert.Equal(["checkins.csv", "events.jsonl", "pairs.txt", "ratings.csv", "sequences.txt", "shop.inter", "visits.txt"], Interactions.Select(row => row.Data.Item1).Order(StringComparer.Ordinal));

    private static TheoryData<string, string> Examples(bool isItems) => new(
        from match in Example().Matches(File.ReadAllText(Path.Combine(RepositoryFolder.Root, "docs/data.md")))
        let name = match.Groups["name"].Value
        where name.StartsWith("item", StringComparison.Ordinal) == isItems
        select (name, match.Groups["text"].Value));

    [GeneratedRegex(@"^```\w+ (?<name>\S+)\n(?<text>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Example();
}
