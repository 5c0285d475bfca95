namespace NanoRecSys.Benchmarks.Load;

internal enum Scenario
{
    /// <summary>70% from a small set of users, whose answers repeat; 30% as in <see cref="Cold"/>.</summary>
    Mix,

    /// <summary>No request repeats.</summary>
    Cold,

    /// <summary>Only the small set of users.</summary>
    Hot,
}

/// <param name="Url">The API.</param>
/// <param name="Scenario">Who asks.</param>
/// <param name="WarmUp">Sent before, and not counted.</param>
/// <param name="Duration">Measured.</param>
/// <param name="Concurrency">Connections.</param>
/// <param name="Rate">Requests per second on schedule; null lets each connection send when its last answer came.</param>
/// <param name="RateOfCapacity">Instead of <paramref name="Rate"/>: its share of what a run without schedule reaches.</param>
/// <param name="Seed">Of the users' order.</param>
/// <param name="Out">Folder for the report and its plot, or null.</param>
/// <param name="Json">Whether to end with one line of JSON.</param>
internal sealed record LoadOptions(
    Uri Url, Scenario Scenario, TimeSpan WarmUp, TimeSpan Duration, int Concurrency, double? Rate, double? RateOfCapacity, int Seed, string? Out, bool Json);
