namespace NanoRecSys.EndToEndTests.Fixtures;

/// <summary>What a page is looked at with.</summary>
internal sealed record Screen(int Width, int Height, ColorScheme Colours)
{
    public static Screen Desktop { get; } = new(1440, 900, ColorScheme.Light);
    public static Screen Tablet { get; } = new(820, 1180, ColorScheme.Light);
    public static Screen Phone { get; } = new(390, 844, ColorScheme.Light);

    public Screen Dark => this with { Colours = ColorScheme.Dark };

    // Not the generated one: printing Dark, it would print Dark's Dark, without end.
    public override string ToString() => $"{Width} x {Height}, {Colours}";

    public BrowserNewContextOptions Options(Uri address) => new()
    {
        BaseURL = address.ToString(),
        ViewportSize = new() { Width = Width, Height = Height },
        ColorScheme = Colours,
    };
}
