namespace NanoRecSys.Web.Components.Telemetry;

/// <summary>The view of the telemetry, kept in the page's address so that it can be shared.</summary>
/// <param name="Minutes">Of <see cref="Windows"/>.</param>
/// <param name="Order">Order of the requests: <see cref="Slowest"/> or <see cref="Newest"/>.</param>
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
    /// The steps to draw. A running second is omitted: it is nearly empty and lacks the other replicas, so
    /// each chart would end in a drop. A longer running step is drawn, so that nobody waits a minute for it.
    /// </summary>
    public static IReadOnlyList<TelemetryPoint> StepsOf(TelemetrySnapshot snapshot) =>
        snapshot.Series is [.., { } last, { } running] && (running.Time - last.Time).TotalSeconds <= LongestWait
            ? [.. snapshot.Series.SkipLast(1)]
            : snapshot.Series;

    public IReadOnlyList<RequestTrace> RequestsOf(TelemetrySnapshot snapshot) => Order == Newest ? snapshot.Recent : snapshot.Slowest;
}

/// <summary>One line of a request's waterfall: the page's call, the API's request, or one of its stages.</summary>
/// <param name="Part">The process at work: <c>Web</c>, <c>API</c> or <c>Redis</c>.</param>
/// <param name="Left">Percent from the left.</param>
/// <param name="Width">Percent of the whole.</param>
public sealed record TraceRow(string Part, string Name, double Left, double Width, double DurationMs)
{
    public const string WebCall = "call";
    public const string ApiRequest = "recommend";
    private const double MinWidth = 0.6; // thinner bars would be invisible

    /// <summary>The lines, from the caller inwards.</summary>
    /// <param name="call">The page's own measurement of the call; null if another program called.</param>
    public static IReadOnlyList<TraceRow> Of(RequestTrace trace, ApiCall? call)
    {
        double whole = Math.Max(call?.DurationMs ?? 0, trace.TotalMs);
        // The clocks are independent: if they disagree, the request is still drawn inside its call.
        double start = call is null ? 0 : Math.Clamp((trace.Time - call.Started).TotalMilliseconds, 0, whole - trace.TotalMs);
        List<TraceRow> rows = [];
        if (call is not null)
        {
            rows.Add(Place("Web", WebCall, 0, call.DurationMs, whole));
        }

        rows.Add(Place("API", ApiRequest, start, trace.TotalMs, whole));
        rows.AddRange(Gap.Fill(trace.Stages, trace.TotalMs).Select(stage => Place(
            PartOf(stage.Stage, trace.CacheSource), stage.Stage, start + stage.StartMs, stage.DurationMs, whole)));
        return rows;
    }

    // A hit in the API's memory does not ask Redis; a miss does.
    private static string PartOf(string stage, string? cacheSource) => stage switch
    {
        "cache.get" when cacheSource == "memory" => "API",
        "cache.get" or "cache.set" => "Redis",
        _ => "API",
    };

    private static TraceRow Place(string part, string name, double start, double duration, double whole)
    {
        double scale = whole > 0 ? 100 / whole : 0;
        double width = Math.Clamp(duration * scale, MinWidth, 100);
        return new TraceRow(part, name, Math.Clamp(start * scale, 0, 100 - width), width, duration);
    }
}
