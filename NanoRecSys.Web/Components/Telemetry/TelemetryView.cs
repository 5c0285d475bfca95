using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Web.Components.Telemetry;

/// <summary>The view of the telemetry, kept in the page's address so that it can be shared.</summary>
/// <param name="Minutes">Of <see cref="Windows"/>.</param>
/// <param name="Stage">Whose latency the chart shows.</param>
/// <param name="Order">Of the requests: <see cref="Slowest"/> or <see cref="Newest"/>.</param>
public sealed record TelemetryView(int Minutes, string Stage, string Order)
{
    public const string Slowest = "slowest";
    public const string Newest = "newest";
    private const string Total = "total";
    private const int DefaultMinutes = 5;
    private const double LongestWait = 5; // seconds

    public static IReadOnlyList<int> Windows { get; } = [1, 5, 30];

    public int Seconds => Minutes * 60;

    /// <summary>The page's address with this view; defaults are omitted.</summary>
    public string Address
    {
        get
        {
            string[] parts =
            [
                .. Minutes == DefaultMinutes ? Array.Empty<string>() : [$"minutes={Minutes}"],
                .. Stage == Total ? Array.Empty<string>() : [$"stage={Uri.EscapeDataString(Stage)}"],
                .. Order == Slowest ? Array.Empty<string>() : [$"order={Order}"],
            ];
            return parts.Length == 0 ? "/telemetry" : $"/telemetry?{string.Join('&', parts)}";
        }
    }

    /// <summary>From the address; missing or invalid parts take their default.</summary>
    public static TelemetryView From(int? minutes, string? stage, string? order) => new(
        minutes is { } asked && Windows.Contains(asked) ? asked : DefaultMinutes,
        string.IsNullOrWhiteSpace(stage) ? Total : stage,
        order == Newest ? Newest : Slowest);

    /// <summary>
    /// The steps to draw. A running second is left out: it is nearly empty and lacks the other replicas, so
    /// each chart would end in a drop. A longer step is shown: nobody should wait a minute for it.
    /// </summary>
    public static IReadOnlyList<TelemetryPoint> StepsOf(TelemetrySnapshot snapshot) =>
        snapshot.Series is [.., { } last, { } running] && (running.Time - last.Time).TotalSeconds <= LongestWait
            ? [.. snapshot.Series.SkipLast(1)]
            : snapshot.Series;

    /// <summary>The requests in the view's order.</summary>
    public IReadOnlyList<RequestTrace> RequestsOf(TelemetrySnapshot snapshot) => Order == Newest ? snapshot.Recent : snapshot.Slowest;
}
