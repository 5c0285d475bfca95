using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace NanoRecSys.Training.Pipeline;

/// <summary>What a training tells of itself: a span per run with one per stage below it, and the stages' times.</summary>
internal static class TrainingTelemetry
{
    /// <summary>Of the spans and of the meter.</summary>
    public const string Name = "NanoRecSys.Training";

    public const string StageDuration = "nanorecsys.training.stage.duration";

    private static readonly ActivitySource Source = new(Name);
    private static readonly Meter Meter = new(Name);

    // Stages take from milliseconds to hours; the buckets that are the default end at ten seconds.
    private static readonly Histogram<double> Durations = Meter.CreateHistogram(
        StageDuration, unit: "s", description: "Time of a completed stage of a training.",
        advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 0.3, 1, 3, 10, 30, 60, 180, 600, 1800, 3600, 10800, 36000] });

    public static Activity? StartRun() => Source.StartActivity("run");

    public static Activity? StartStage(string stage) => Source.StartActivity(stage);

    public static void RecordStage(string stage, TimeSpan took) =>
        Durations.Record(took.TotalSeconds, new KeyValuePair<string, object?>("stage", stage));

    public static void Fail(this Activity? activity, Exception e) => activity?.SetStatus(ActivityStatusCode.Error, e.Message);
}
