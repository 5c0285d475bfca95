namespace NanoRecSys.EndToEndTests.Fixtures;

/// <summary>
/// The documentation's pictures. Each run takes them, but they replace the repository's only with the environment variable
/// <c>NANORECSYS_IMAGES=replace</c>, because each run trains a slightly different model.
/// </summary>
internal static class Picture
{
    private const int MaxBytes = 250 * 1024; // every clone contains all their versions

    /// <summary>Whether this run replaces the documentation's pictures.</summary>
    public static bool IsReplacing { get; } = Environment.GetEnvironmentVariable("NANORECSYS_IMAGES") == "replace";

    public static async Task TakeAsync(IPage page, string file)
    {
        byte[] picture = await page.ScreenshotAsync(new()
        {
            Path = Path.Combine(BuiltStack.Screenshots, "readme", file),
            Type = ScreenshotType.Jpeg,
            Quality = 82,
            Animations = ScreenshotAnimations.Disabled,
        });

        Assert.InRange(picture.Length, 1, MaxBytes);
        if (IsReplacing)
        {
            await File.WriteAllBytesAsync(Path.Combine(BuiltStack.Images, file), picture, TestContext.Current.CancellationToken);
        }

        Assert.True(File.Exists(Path.Combine(BuiltStack.Images, file)), $"docs/images lacks {file}: run with NANORECSYS_IMAGES=replace.");
    }
}
