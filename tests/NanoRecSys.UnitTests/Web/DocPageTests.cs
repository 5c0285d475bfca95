using System.Text.RegularExpressions;
using NanoRecSys.Web.Components.Docs;

namespace NanoRecSys.UnitTests.Web;

public sealed partial class DocPageTests
{
    public static TheoryData<string> Paths => [.. DocPage.Paths];

    [Theory]
    [MemberData(nameof(Paths))]
    public void Every_link_of_a_page_has_a_target(string path)
    {
        DocPage page = DocPage.Find(path)!;

        Assert.NotEmpty(page.Title);
        Assert.All(Target().Matches(page.Html).Select(match => match.Groups[1].Value).Where(target => !target.StartsWith("http", StringComparison.Ordinal)), target =>
        {
            string[] parts = target[(DocPage.Address.Length + 1)..].Split('#');
            if (parts[0].StartsWith("images/", StringComparison.Ordinal))
            {
                Assert.True(File.Exists(Path.Combine(RepositoryFolder.Root, "docs", parts[0])), target);
                return;
            }

            DocPage to = DocPage.Find(parts[0])!;
            Assert.True(parts is [_] || to.Html.Contains($" id=\"{parts[1]}\"", StringComparison.Ordinal), target);
        });
    }

    [Theory]
    [InlineData("../appsettings.json")]
    [InlineData("images/explore.jpg")]
    [InlineData("none.md")]
    public void Only_pages_are_read(string path) => Assert.Null(DocPage.Find(path));

    [Fact]
    public void An_escaped_bar_in_the_code_of_a_table_is_a_bar() =>
        Assert.Contains("<code>CRON|N</code>", DocPage.Render("a.md", "| a |\n|---|\n| `CRON\\|N` |\n").Html, StringComparison.Ordinal);

    [Fact]
    public void Links_to_files_of_the_repository_are_plain_text_and_the_first_page_is_the_index()
    {
        Assert.Equal("<p>see Core and <a href=\"/docs/api.md#x\">api</a></p>\n", DocPage.Render("lab/a.md", "see [Core](../../NanoRecSys.Core) and [api](../api.md#x)").Html);
        Assert.Same(DocPage.Find("README.md"), DocPage.Find(null));
    }

    [GeneratedRegex("(?:href|src)=\"([^\"]+)\"")]
    private static partial Regex Target();
}
