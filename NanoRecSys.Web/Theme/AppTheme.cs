using MudBlazor;

namespace NanoRecSys.Web.Theme;

/// <summary>
/// Ink and projector light: warm paper by day, deep ink by night, one amber accent. Fonts are the system's.
/// </summary>
public static class AppTheme
{
    private static readonly string[] Sans =
        ["-apple-system", "Segoe UI Variable", "Segoe UI", "Inter", "Roboto", "Helvetica Neue", "Noto Sans", "Liberation Sans", "Arial", "sans-serif"];

    /// <summary>
    /// Both palettes are in the page at once, each under its own scope, and the <c>data-theme</c> attribute of
    /// the page decides. So the first paint already has the right colours, before any script of Blazor runs.
    /// </summary>
    public static MudTheme Light { get; } = Create(":root");

    /// <inheritdoc cref="Light"/>
    public static MudTheme Dark { get; } = Create(":root[data-theme=dark]");

    private static MudTheme Create(string scope) => new()
    {
        PaletteLight = LightPalette,
        PaletteDark = DarkPalette,
        PseudoCss = new PseudoCss { Scope = scope },
        LayoutProperties = new LayoutProperties { DefaultBorderRadius = "10px", AppbarHeight = "64px" },
        Typography = new Typography
        {
            Default = new DefaultTypography { FontFamily = Sans, LetterSpacing = "normal" },
            Button = new ButtonTypography { TextTransform = "none", FontWeight = "600", LetterSpacing = "normal" },
        },
    };

    private static PaletteLight LightPalette => new()
    {
        Primary = "#a84b06",
        PrimaryContrastText = "#ffffff",
        Secondary = "#0f766e",
        Info = "#1e40af",
        Success = "#116530",
        Warning = "#854d0e",
        Error = "#b91c1c",
        Background = "#f6f3ec",
        BackgroundGray = "#ede8dd",
        Surface = "#fffdf9",
        AppbarBackground = "#f6f3ec",
        AppbarText = "#17191e",
        TextPrimary = "#17191e",
        TextSecondary = "#575e6b",
        ActionDefault = "#575e6b",
        LinesDefault = "#e2dccf",
        LinesInputs = "#b8b1a2",
        Divider = "#e2dccf",
        TableLines = "#e9e4d8",
        Skeleton = "#e7e1d4",
    };

    private static PaletteDark DarkPalette => new()
    {
        Primary = "#ffb454",
        PrimaryContrastText = "#1d1305",
        Secondary = "#4fd1c5",
        Info = "#7db3ff",
        Success = "#5ddc8b",
        Warning = "#fbc64a",
        Error = "#ff8080",
        Background = "#0b0d13",
        BackgroundGray = "#0f121a",
        Surface = "#141822",
        AppbarBackground = "#0b0d13",
        AppbarText = "#f3f0e9",
        TextPrimary = "#f3f0e9",
        TextSecondary = "#a0a8b8",
        ActionDefault = "#a0a8b8",
        LinesDefault = "#252b39",
        LinesInputs = "#3b4356",
        Divider = "#252b39",
        TableLines = "#212735",
        Skeleton = "#222838",
    };
}
