using NanoRecSys.Web.Components.Elements;

namespace NanoRecSys.Web.Components.Training;

/// <summary>The curve in SVG coordinates: y grows downwards, the lowest loss lies at the bottom.</summary>
/// <param name="Line">Points of a polyline.</param>
/// <param name="Area">Points of the polygon below it.</param>
/// <param name="EndX">Of the newest point.</param>
/// <param name="EndY">Of the newest point.</param>
/// <param name="Highest">Loss at the top.</param>
/// <param name="Lowest">Loss at the bottom.</param>
public sealed record LossCurveShape(string Line, string Area, double EndX, double EndY, double Highest, double Lowest)
{
    public const double Width = 600;
    public const double Height = 180;
    private const double Margin = 8;

    /// <returns>Null for fewer than two points: there is no line yet.</returns>
    public static LossCurveShape? From(IReadOnlyList<LossPoint> points)
    {
        if (points.Count < 2)
        {
            return null;
        }

        double lowest = points.Min(point => point.Loss), highest = points.Max(point => point.Loss);
        double first = points[0].Step, steps = Math.Max(points[^1].Step - first, double.Epsilon);
        double range = highest > lowest ? highest - lowest : 1;
        (double X, double Y)[] places = [.. points.Select(point => (
            X: Math.Clamp((point.Step - first) / steps, 0, 1) * Width,
            Y: Margin + (highest - point.Loss) / range * (Height - 2 * Margin)))];
        string line = string.Join(' ', places.Select(place => $"{Text.Css(Math.Round(place.X, 1))},{Text.Css(Math.Round(place.Y, 1))}"));
        return new LossCurveShape(line, $"0,{Text.Css(Height)} {line} {Text.Css(Width)},{Text.Css(Height)}",
            places[^1].X, places[^1].Y, highest, lowest);
    }
}
