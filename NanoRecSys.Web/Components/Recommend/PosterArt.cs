using System.IO.Hashing;
using System.Text;

namespace NanoRecSys.Web.Components.Recommend;

/// <summary>An item's poster: its most telling genre or first category decides colours and geometry, its id the details.</summary>
/// <param name="Deep">CSS colour of the shadows; white text is readable on it.</param>
/// <param name="Mid">CSS colour of the light side.</param>
/// <param name="Accent">CSS colour of the shapes and of the year.</param>
/// <param name="Shapes">SVG elements on a field of 300 by 400.</param>
/// <param name="TitleSize">In percent of the poster's width.</param>
public sealed record PosterArt(string Deep, string Mid, string Accent, string Shapes, double TitleSize)
{
    // From the most telling to the most common: a space western is a western, nearly everything is a drama.
    private static readonly (string Genre, int Hue, int AccentHue, Func<Dice, string> Motif)[] ByGenre =
    [
        ("Horror", 352, 8, PosterMotifs.Teeth),
        ("Western", 22, 38, PosterMotifs.Horizon),
        ("Sci-Fi", 212, 186, PosterMotifs.Orbits),
        ("Musical", 318, 46, PosterMotifs.Bars),
        ("War", 84, 48, PosterMotifs.Chevrons),
        ("Film-Noir", 228, 44, PosterMotifs.Blinds),
        ("Documentary", 168, 158, PosterMotifs.Halftone),
        ("Animation", 196, 48, PosterMotifs.Bubbles),
        ("Fantasy", 268, 48, PosterMotifs.Moon),
        ("Mystery", 258, 288, PosterMotifs.Rings),
        ("Romance", 340, 16, PosterMotifs.Pair),
        ("Crime", 232, 354, PosterMotifs.Blinds),
        ("Thriller", 204, 26, PosterMotifs.Rings),
        ("Adventure", 150, 44, PosterMotifs.Peaks),
        ("Action", 12, 42, PosterMotifs.Slashes),
        ("Children", 172, 52, PosterMotifs.Bubbles),
        ("Comedy", 32, 50, PosterMotifs.Sunburst),
        ("Drama", 246, 24, PosterMotifs.Horizon),
    ];

    private const int MostLetters = 90;
    private static readonly (string Genre, int Hue, int AccentHue, Func<Dice, string> Motif) NoGenre = ("", 220, 210, PosterMotifs.Frames);

    public static PosterArt For(ItemInfo item)
    {
        (_, int hue, int accentHue, Func<Dice, string> motif) = ByGenre.FirstOrDefault(entry => item.Categories.Contains(entry.Genre), Drawn(item));
        var dice = new Dice(Seed(item.ItemId.Text));
        double turn = hue + dice.Next(-16, 16);
        return new PosterArt(
            Hsl(turn + 12, 48, 9), Hsl(turn, 62, dice.Next(30, 38)), Hsl(accentHue + dice.Next(-8, 8), 88, 66),
            motif(dice), TitleSizeOf(ShortTitle(item)));
    }

    /// <summary>The part of a title that fits on a poster.</summary>
    public static string ShortTitle(ItemInfo item)
    {
        string title = Text.WithoutOtherNames(item.Title);
        return title.Length <= MostLetters ? title : string.Concat(title.AsSpan(0, MostLetters - 1).TrimEnd(), "…");
    }

    /// <summary>A film's most telling genre; empty if it has no known one.</summary>
    public static string TellingGenre(ItemInfo item) => ByGenre.FirstOrDefault(entry => item.Categories.Contains(entry.Genre), NoGenre).Genre;

    // For other catalogs: the same for all items of a category.
    private static (string Genre, int Hue, int AccentHue, Func<Dice, string> Motif) Drawn(ItemInfo item)
    {
        if (item.Categories is not [var category, ..])
        {
            return NoGenre;
        }

        int seed = Seed(category) & int.MaxValue;
        return (category, seed % 360, (seed / 360) % 360, ByGenre[seed / 7 % ByGenre.Length].Motif);
    }

    // the same on every machine
    private static int Seed(string text) => EntityId.IsWholeNumber(text, out long number) ? (int)number : (int)XxHash32.HashToUInt32(Encoding.UTF8.GetBytes(text));

    // Large for a short title; small enough that the longest word stays on one line.
    private static double TitleSizeOf(string title)
    {
        int longestWord = title.Split(' ', '-').Max(word => word.Length);
        double byLength = title.Length switch { <= 10 => 17, <= 18 => 14.5, <= 30 => 12, <= 48 => 10, _ => 8.2 };
        // A line takes 86 % of the width, and a bold letter is 0.68 of its size wide (measured on "Rushmore").
        return Math.Min(byLength, 126.0 / Math.Max(longestWord, 1));
    }

    private static string Hsl(double hue, double saturation, double lightness) =>
        $"hsl({Text.Css((hue + 360) % 360)} {Text.Css(saturation)}% {Text.Css(lightness)}%)";
}

/// <summary>Drawings on a field of 300 by 400, mostly in the upper two thirds, above the title.</summary>
public static class PosterMotifs
{
    private const string Ink = "var(--accent)";

    public static string Teeth(Dice dice) => Draw(svg =>
    {
        for (double x = -20; x < 320; x += dice.Next(26, 48))
        {
            double width = dice.Next(28, 56);
            Polygon(svg, $"{C(x)},-5 {C(x + width)},-5 {C(x + width / 2)},{C(dice.Next(70, 235))}", dice.Next(0.25, 0.9));
        }

        Circle(svg, dice.Next(90, 220), dice.Next(230, 270), dice.Next(14, 24), 1);
    });

    public static string Horizon(Dice dice) => Draw(svg =>
    {
        double x = dice.Next(90, 215), y = dice.Next(130, 190), radius = dice.Next(70, 112);
        Circle(svg, x, y, radius, 0.92);
        double top = y + radius * 0.1;
        for (int i = 0; i < 6; i++)
        {
            Rectangle(svg, 0, top + i * 19, 300, 4 + i * 2.4, 1, "var(--mid)");
        }

        Rectangle(svg, 0, y + radius * 0.92, 300, 200, 0.5, "var(--deep)");
    });

    public static string Orbits(Dice dice) => Draw(svg =>
    {
        double x = dice.Next(110, 200), y = dice.Next(130, 180), tilt = dice.Next(-50, 20);
        for (int i = 0; i < 5; i++)
        {
            double width = 42 + i * 34, height = width * dice.Next(0.32, 0.44);
            svg.Append($"<ellipse cx='{C(x)}' cy='{C(y)}' rx='{C(width)}' ry='{C(height)}' transform='rotate({C(tilt)} {C(x)} {C(y)})' fill='none' stroke='{Ink}' stroke-width='1.6' opacity='{C(0.9 - i * 0.14)}'/>");
        }

        Circle(svg, x, y, dice.Next(20, 30), 1);
        for (int i = 0; i < 14; i++)
        {
            Circle(svg, dice.Next(8, 292), dice.Next(8, 280), dice.Next(0.8, 2.6), dice.Next(0.4, 1), "#fff");
        }
    });

    public static string Bars(Dice dice) => Draw(svg =>
    {
        for (int i = 0; i < 11; i++)
        {
            double height = dice.Next(40, 230);
            Rectangle(svg, 14 + i * 25, 165 - height / 2, 13, height, dice.Next(0.45, 1), rounding: 6.5);
        }
    });

    public static string Chevrons(Dice dice) => Draw(svg =>
    {
        double x = dice.Next(110, 190), depth = dice.Next(65, 125);
        for (int i = 0; i < 6; i++)
        {
            double y = 20 + i * 44;
            Polygon(svg, $"{C(x - 200)},{C(y + depth)} {C(x)},{C(y)} {C(x + 200)},{C(y + depth)} {C(x + 200)},{C(y + depth + 17)} {C(x)},{C(y + 17)} {C(x - 200)},{C(y + depth + 17)}", 0.95 - i * 0.14);
        }
    });

    public static string Blinds(Dice dice) => Draw(svg =>
    {
        double tilt = dice.Next(-24, -8);
        Circle(svg, dice.Next(100, 210), dice.Next(105, 165), dice.Next(62, 92), 0.95);
        svg.Append($"<g transform='rotate({C(tilt)} 150 150)'>");
        for (int i = 0; i < 12; i++)
        {
            Rectangle(svg, -80, -60 + i * 34, 460, dice.Next(11, 23), 0.86, "var(--deep)");
        }

        svg.Append("</g>");
    });

    public static string Halftone(Dice dice) => Draw(svg =>
    {
        double x = dice.Next(40, 260), y = dice.Next(40, 200);
        for (int row = 0; row < 12; row++)
        {
            for (int column = 0; column < 12; column++)
            {
                double cx = 12 + column * 25, cy = 12 + row * 25;
                Circle(svg, cx, cy, Math.Max(1.2, 12.5 - Math.Sqrt((cx - x) * (cx - x) + (cy - y) * (cy - y)) / 15), 0.9);
            }
        }
    });

    public static string Bubbles(Dice dice) => Draw(svg =>
    {
        for (int i = 0; i < 9; i++)
        {
            Circle(svg, dice.Next(0, 300), dice.Next(0, 280), dice.Next(12, 68), dice.Next(0.2, 0.75), i % 3 == 0 ? "#fff" : Ink);
        }
    });

    public static string Moon(Dice dice) => Draw(svg =>
    {
        double x = dice.Next(110, 190), y = dice.Next(110, 160), radius = dice.Next(62, 88);
        Circle(svg, x, y, radius, 1);
        Circle(svg, x + radius * 0.42, y - radius * 0.16, radius * 0.9, 1, "var(--mid)");
        for (int i = 0; i < 20; i++)
        {
            Circle(svg, dice.Next(8, 292), dice.Next(8, 290), dice.Next(0.9, 3.2), dice.Next(0.5, 1));
        }
    });

    public static string Rings(Dice dice) => Draw(svg =>
    {
        double x = dice.Next(90, 210), y = dice.Next(110, 190), dx = dice.Next(-7, 7), dy = dice.Next(-6, 6);
        for (int i = 9; i > 0; i--)
        {
            Circle(svg, x + dx * i, y + dy * i, i * 19, i == 1 ? 1 : 0.85 - i * 0.065, i % 2 == 0 ? "var(--deep)" : i == 1 ? "#fff" : Ink);
        }
    });

    public static string Pair(Dice dice) => Draw(svg =>
    {
        double y = dice.Next(120, 165), radius = dice.Next(68, 88), apart = dice.Next(36, 58), lift = dice.Next(-26, 26);
        Circle(svg, 150 - apart, y + lift, radius, 0.88);
        Circle(svg, 150 + apart, y - lift, radius, 0.42, "#fff");
    });

    public static string Peaks(Dice dice) => Draw(svg =>
    {
        Circle(svg, dice.Next(70, 230), dice.Next(70, 120), dice.Next(30, 52), 1);
        for (int layer = 0; layer < 3; layer++)
        {
            double baseline = 150 + layer * 52;
            var points = new StringBuilder("-10,400 ");
            for (double x = -10; x <= 330; x += dice.Next(34, 70))
            {
                points.Append($"{C(x)},{C(baseline + dice.Next(-46, 46))} ");
            }

            Polygon(svg, points.Append("340,400").ToString(), 0.42 + layer * 0.2, "var(--deep)");
        }
    });

    public static string Slashes(Dice dice) => Draw(svg =>
    {
        double lean = dice.Next(90, 150);
        for (double x = -120; x < 320; x += dice.Next(34, 66))
        {
            double width = dice.Next(8, 40);
            Polygon(svg, $"{C(x)},320 {C(x + width)},320 {C(x + width + lean)},-10 {C(x + lean)},-10", dice.Next(0.18, 0.95));
        }
    });

    public static string Sunburst(Dice dice) => Draw(svg =>
    {
        double x = dice.Next(90, 210), y = dice.Next(120, 180), turn = dice.Next(0, 30);
        for (int i = 0; i < 14; i++)
        {
            double from = (turn + i * 360.0 / 14) * Math.PI / 180, to = from + Math.PI / 14;
            Polygon(svg, $"{C(x)},{C(y)} {C(x + 480 * Math.Cos(from))},{C(y + 480 * Math.Sin(from))} {C(x + 480 * Math.Cos(to))},{C(y + 480 * Math.Sin(to))}", 0.34);
        }

        Circle(svg, x, y, dice.Next(44, 66), 1);
    });

    public static string Frames(Dice dice) => Draw(svg =>
    {
        double turn = dice.Next(4, 13);
        for (int i = 0; i < 7; i++)
        {
            double side = 40 + i * 34;
            svg.Append($"<rect x='{C(150 - side / 2)}' y='{C(150 - side / 2)}' width='{C(side)}' height='{C(side)}' transform='rotate({C(turn * i)} 150 150)' fill='none' stroke='{Ink}' stroke-width='3' opacity='{C(0.95 - i * 0.12)}'/>");
        }
    });

    private static string Draw(Action<StringBuilder> draw)
    {
        var svg = new StringBuilder();
        draw(svg);
        return svg.ToString();
    }

    private static void Circle(StringBuilder svg, double x, double y, double radius, double opacity, string fill = Ink) =>
        svg.Append($"<circle cx='{C(x)}' cy='{C(y)}' r='{C(radius)}' fill='{fill}' opacity='{C(opacity)}'/>");

    private static void Rectangle(StringBuilder svg, double x, double y, double width, double height, double opacity, string fill = Ink, double rounding = 0) =>
        svg.Append($"<rect x='{C(x)}' y='{C(y)}' width='{C(width)}' height='{C(height)}' rx='{C(rounding)}' fill='{fill}' opacity='{C(opacity)}'/>");

    private static void Polygon(StringBuilder svg, string points, double opacity, string fill = Ink) =>
        svg.Append($"<polygon points='{points}' fill='{fill}' opacity='{C(opacity)}'/>");

    private static string C(double value) => Text.Css(Math.Round(value, 1));
}

/// <summary>A random generator that yields the same numbers for the same seed on every machine and in every version.</summary>
public sealed class Dice(int seed)
{
    // A multiplier and a mixing step as in PCG, so that neighbouring ids do not look alike.
    private ulong _state = unchecked(((ulong)seed + 1) * 0x9E3779B97F4A7C15UL);

    /// <returns>A number in [low, high).</returns>
    public double Next(double low, double high)
    {
        _state = unchecked(_state * 6364136223846793005UL + 1442695040888963407UL);
        ulong mixed = (_state ^ (_state >> 29)) * 0xBF58476D1CE4E5B9UL;
        return low + (high - low) * ((mixed >> 11) * (1.0 / (1UL << 53)));
    }
}
