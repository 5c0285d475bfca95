namespace NanoRecSys.EndToEndTests.Fixtures;

/// <summary>The viewport and colour scheme that a page is opened with.</summary>
internal sealed record Screen(int Width, int Height, ColorScheme Colours)
{
    public static Screen Desktop { get; } = new(1440, 900, ColorScheme.Light);
    public static Screen Tablet { get; } = new(820, 1180, ColorScheme.Light);
    public static Screen Phone { get; } = new(390, 844, ColorScheme.Light);

    public Screen Dark => this with { Colours = ColorScheme.Dark };

    // The generated one would print Dark, and so recurse forever.
    public override string ToString() => $"{Width} x {Height}, {Colours}";

    public BrowserNewContextOptions Options(Uri address) => new()
    {
        BaseURL = address.ToString(),
        ViewportSize = new() { Width = Width, Height = Height },
        ColorScheme = Colours,
    };
}
