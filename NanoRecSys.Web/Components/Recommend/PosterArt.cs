using NanoRecSys.Core.Contracts;
using NanoRecSys.Web.Components.Elements;

namespace NanoRecSys.Web.Components.Recommend;

/// <summary>A movie's poster: colours and geometry by its most telling genre, details by its id.</summary>
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

    private static readonly (string Genre, int Hue, int AccentHue, Func<Dice, string> Motif) NoGenre = ("", 220, 210, PosterMotifs.Frames);

    public static PosterArt For(MovieInfo movie)
    {
        (_, int hue, int accentHue, Func<Dice, string> motif) = ByGenre.FirstOrDefault(entry => movie.Genres.Contains(entry.Genre), NoGenre);
        var dice = new Dice(movie.MovieId);
        double turn = hue + dice.Next(-16, 16);
        return new PosterArt(
            Hsl(turn + 12, 48, 9), Hsl(turn, 62, dice.Next(30, 38)), Hsl(accentHue + dice.Next(-8, 8), 88, 66),
            motif(dice), TitleSizeOf(Text.WithoutOtherNames(movie.Title)));
    }

    /// <summary>The genre that says most of a movie; empty where none is known.</summary>
    public static string TellingGenre(MovieInfo movie)
    {
        ArgumentNullException.ThrowIfNull(movie);
        return ByGenre.FirstOrDefault(entry => movie.Genres.Contains(entry.Genre), NoGenre).Genre;
    }

    // Large for a short title; small enough that the longest word stays on one line.
    private static double TitleSizeOf(string title)
    {
        int longestWord = title.Split(' ', '-').Max(word => word.Length);
        double byLength = title.Length switch { <= 10 => 17, <= 18 => 14.5, <= 30 => 12, <= 48 => 10, _ => 8.2 };
        // A line has room for 86 % of the width, a bold letter is 0.68 of its size wide: measured on "Rushmore".
        return Math.Min(byLength, 126.0 / Math.Max(longestWord, 1));
    }

    private static string Hsl(double hue, double saturation, double lightness) =>
        $"hsl({Text.Css((hue + 360) % 360)} {Text.Css(saturation)}% {Text.Css(lightness)}%)";
}
