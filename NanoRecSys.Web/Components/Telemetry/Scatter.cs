using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Web.Components.Telemetry;

/// <summary>Requests as dots: time runs to the right, their length upwards on a logarithmic scale.</summary>
/// <param name="Dots">Places in percent of the field, from the left and from the top.</param>
/// <param name="Lines">Milliseconds of the powers of ten in the field, and where they lie from the top.</param>
public sealed record Scatter(IReadOnlyList<ScatterDot> Dots, IReadOnlyList<(double Ms, double Top)> Lines)
{
    private const double ShortestMs = 0.01;

    public static Scatter From(IReadOnlyList<RequestTrace> requests)
    {
        if (requests.Count == 0)
        {
            return new Scatter([], []);
        }

        double low = Math.Floor(requests.Min(Magnitude));
        double high = Math.Max(Math.Ceiling(requests.Max(Magnitude)), low + 1);
        DateTimeOffset first = requests.Min(request => request.Time), last = requests.Max(request => request.Time);
        double span = Math.Max((last - first).TotalMilliseconds, 1);
        double Top(double magnitude) => 100 * (high - magnitude) / (high - low);
        return new Scatter(
            [.. requests.Select(request => new ScatterDot(request, 100 * (request.Time - first).TotalMilliseconds / span, Top(Magnitude(request))))],
            [.. Enumerable.Range((int)low, (int)(high - low) + 1).Select(power => (Math.Pow(10, power), Top(power)))]);
    }

    private static double Magnitude(RequestTrace request) => Math.Log10(Math.Max(request.TotalMs, ShortestMs));
}

public sealed record ScatterDot(RequestTrace Request, double Left, double Top);
