namespace NanoRecSys.Web.Components.Telemetry;

/// <summary>The view of the telemetry, kept in the page's address so that it can be shared.</summary>
/// <param name="Minutes">One of <see cref="Feeds.Windows"/>.</param>
/// <param name="Order">Order of the requests: <see cref="Slowest"/> or <see cref="Newest"/>.</param>
public sealed record TelemetryView(int Minutes, string Stage, string Order)
{
    public const string Slowest = "slowest";
    public const string Newest = "newest";
    private const string Total = "total";
    private const int DefaultMinutes = 5;
    private const double LongestWait = 5; // seconds

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
        minutes is { } asked && Feeds.Windows.Contains(asked) ? asked : DefaultMinutes,
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

/// <summary>One stage's percentiles over a window, as SVG shapes in a field of 100 by 100.</summary>
/// <param name="P50">Polylines, interrupted at gaps in the traffic.</param>
/// <param name="Band">Polygons between the 50th and the 95th percentile.</param>
/// <param name="Columns">One per step of the window, oldest first; null before the service started.</param>
public sealed record LatencyChartShape(
    LatencyScale Scale, IReadOnlyList<string> P50, IReadOnlyList<string> P95, IReadOnlyList<string> P99, IReadOnlyList<string> Band,
    IReadOnlyList<LatencyColumn?> Columns)
{
    /// <param name="series">The window's steps, oldest first.</param>
    /// <param name="windowSeconds">The window's length; the series may be shorter.</param>
    public static LatencyChartShape From(IReadOnlyList<TelemetryPoint> series, string stage, double windowSeconds)
    {
        double step = series switch
        {
            [] => windowSeconds,
            [var only] => only.Seconds,
            _ => (series[1].Time - series[0].Time).TotalSeconds, // the running step at the end is incomplete
        };
        int columns = Math.Max(series.Count, (int)Math.Round(windowSeconds / step));
        LatencyColumn[] known = [.. series.Select((point, i) => new LatencyColumn(
            point, point.Stages.FirstOrDefault(latency => latency.Stage == stage), 100 * (columns - series.Count + i + 0.5) / columns))];
        var scale = LatencyScale.Of(known.Where(column => column.Latency is not null).SelectMany(column => new[] { column.Latency!.P50Ms, column.Latency.P99Ms }));
        LatencyColumn[][] runs = [.. Runs(known).Select(run => run.Length > 1 ? run : AcrossStep(run[0], 50.0 / columns))];
        return new LatencyChartShape(
            scale, Lines(runs, scale, latency => latency.P50Ms), Lines(runs, scale, latency => latency.P95Ms), Lines(runs, scale, latency => latency.P99Ms),
            [.. runs.Select(run => $"{Line(run, scale, latency => latency.P95Ms)} {Line([.. run.Reverse()], scale, latency => latency.P50Ms)}")],
            [.. Enumerable.Repeat<LatencyColumn?>(null, columns - known.Length), .. known]);
    }

    // Adjacent steps with traffic.
    private static IEnumerable<LatencyColumn[]> Runs(LatencyColumn[] columns)
    {
        List<LatencyColumn> run = [];
        foreach (LatencyColumn column in columns)
        {
            if (column.Latency is not null)
            {
                run.Add(column);
            }
            else if (run.Count > 0)
            {
                yield return [.. run];
                run.Clear();
            }
        }

        if (run.Count > 0)
        {
            yield return [.. run];
        }
    }

    private static string[] Lines(LatencyColumn[][] runs, LatencyScale scale, Func<StageLatency, double> percentile) =>
        [.. runs.Select(run => Line(run, scale, percentile))];

    // A point would be too small to see.
    private static LatencyColumn[] AcrossStep(LatencyColumn alone, double half) => [alone with { Left = alone.Left - half }, alone with { Left = alone.Left + half }];

    private static string Line(LatencyColumn[] run, LatencyScale scale, Func<StageLatency, double> percentile) =>
        string.Join(' ', run.Select(column => $"{Text.Css(Math.Round(column.Left, 2))},{Text.Css(Math.Round(scale.Top(percentile(column.Latency!)), 2))}"));
}

/// <param name="Latency">Latency of the chosen stage; null if it did not run.</param>
/// <param name="Left">Its center, in percent from the left.</param>
public sealed record LatencyColumn(TelemetryPoint Point, StageLatency? Latency, double Left);

/// <summary>A logarithmic axis of milliseconds: both a cache hit and a slow request are visible.</summary>
public sealed record LatencyScale(double LowMs, double HighMs)
{
    private const double ShortestMs = 0.01;
    private const int MostTicks = 6;
    private static readonly double[] Steps = [1, 2, 5];

    /// <summary>From a round number below the shortest duration to one above the longest.</summary>
    public static LatencyScale Of(IEnumerable<double> milliseconds)
    {
        double[] all = [.. milliseconds.Select(ms => Math.Max(ms, ShortestMs))];
        return all.Length == 0
            ? new LatencyScale(0.1, 100)
            : new LatencyScale(RoundNumbers(all.Min() / 10, all.Min()).Last(), RoundNumbers(all.Max() * 1.0001, all.Max() * 10).First());
    }

    /// <summary>Position of a duration, in percent from the top.</summary>
    public double Top(double ms) => 100 * (Math.Log(HighMs) - Math.Log(Math.Clamp(ms, LowMs, HighMs))) / (Math.Log(HighMs) - Math.Log(LowMs));

    /// <summary>Round numbers from bottom to top; only the powers of ten if there are many.</summary>
    public IReadOnlyList<double> Ticks()
    {
        double[] all = [.. RoundNumbers(LowMs, HighMs)];
        return all.Length <= MostTicks ? all : [.. all.Where(ms => Math.Abs(Math.Log10(ms) - Math.Round(Math.Log10(ms))) < 1e-6)];
    }

    // 1, 2 and 5 times the powers of ten; the tolerance covers rounding.
    private static IEnumerable<double> RoundNumbers(double low, double high) => Enumerable
        .Range((int)Math.Floor(Math.Log10(low)), (int)(Math.Ceiling(Math.Log10(high)) - Math.Floor(Math.Log10(low))) + 1)
        .SelectMany(power => Steps.Select(step => step * Math.Pow(10, power)))
        .Where(ms => ms >= low * (1 - 1e-9) && ms <= high * (1 + 1e-9));
}
