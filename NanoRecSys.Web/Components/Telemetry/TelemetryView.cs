using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Web.Components.Telemetry;

/// <summary>What of the telemetry is looked at: all of it stands in the page's address, so that a view can be sent to somebody.</summary>
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

    /// <summary>The page's address with this view; what is usual is left out.</summary>
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

    /// <summary>What the address says; what it does not say, or says wrongly, is as usual.</summary>
    public static TelemetryView From(int? minutes, string? stage, string? order) => new(
        minutes is { } asked && Windows.Contains(asked) ? asked : DefaultMinutes,
        string.IsNullOrWhiteSpace(stage) ? Total : stage,
        order == Newest ? Newest : Slowest);

    /// <summary>
    /// The steps to draw. A running second is left out: hardly anything is in it yet, and nothing of other replicas, so that
    /// each chart would end in a fall. A longer one is shown: nobody should wait a minute for it.
    /// </summary>
    public static IReadOnlyList<TelemetryPoint> StepsOf(TelemetrySnapshot snapshot) =>
        snapshot.Series is [.., { } last, { } running] && (running.Time - last.Time).TotalSeconds <= LongestWait
            ? [.. snapshot.Series.SkipLast(1)]
            : snapshot.Series;

    /// <summary>The requests in the view's order.</summary>
    public IReadOnlyList<RequestTrace> RequestsOf(TelemetrySnapshot snapshot) => Order == Newest ? snapshot.Recent : snapshot.Slowest;
}
