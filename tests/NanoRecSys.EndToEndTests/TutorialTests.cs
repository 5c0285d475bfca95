namespace NanoRecSys.EndToEndTests;

/// <summary>What docs/tutorial.md says about the pages and no other test covers; integration tests cover its commands and results.</summary>
public sealed class TutorialTests(FirstStart start)
{
    [Theory]
    [InlineData("/data", "671", "9,066", "100,004", "Next training", "History lengths", "Long tail", "Categories", "Attributes")]
    [InlineData("/system", "version ", "popularity", "SHA-256")]
    [InlineData("/item/260", "Most similar", "Recommended to")]
    public async Task A_page_has_what_the_tutorial_says(string path, params string[] texts)
    {
        await using Visit visit = await start.OpenAsync(path);

        foreach (string text in texts)
        {
            await Expect(visit.Page.Locator("main")).ToContainTextAsync(text);
        }

        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task The_tutorial_is_a_page_with_its_picture()
    {
        await using Visit visit = await start.OpenAsync("/docs/tutorial.md");

        await Expect(visit.Page).ToHaveTitleAsync("Ten minutes, from zero to a changed model · NanoRecSys");
        ILocator picture = visit.Marked("document").Locator("img").First;
        await picture.ScrollIntoViewIfNeededAsync();
        await picture.EvaluateAsync("image => image.decode()"); // Fails if it is not an image.
        Assert.Empty(visit.Errors);
    }
}
