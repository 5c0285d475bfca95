namespace NanoRecSys.Contracts;

/// <summary>Answer of <c>GET /models</c>.</summary>
/// <param name="Current">The version last published or made current.</param>
/// <param name="Pinned">The version that is served regardless of what is published; null if none is pinned.</param>
/// <param name="Served">The version that answers most requests now; null before the first model.</param>
/// <param name="Versions">Newest first.</param>
public sealed record ModelList(string? Current, string? Pinned, string? Served, IReadOnlyList<ModelVersionInfo> Versions);

/// <param name="Version">The version's name.</param>
/// <param name="Created">When it was published.</param>
/// <param name="Dataset">Name of its training data.</param>
/// <param name="Kind">Type of its network.</param>
/// <param name="Weight">Share of the users it serves, if set by <c>Models:Split</c>.</param>
/// <param name="Metrics">On the test split; on validation if nothing was evaluated on test.</param>
/// <param name="Error">Why it cannot be served, if that is known without reading all of it.</param>
public sealed record ModelVersionInfo(
    string Version, DateTimeOffset? Created, string? Dataset, string? Kind, double? Weight, IReadOnlyList<EvaluationResult> Metrics, string? Error = null)
{
    /// <summary>Its comparison with the version served when it was published; null if there was none.</summary>
    public GateResult? Gate { get; init; }

    /// <summary>The candidates that <c>auto</c> compared; null if it was not trained by <c>auto</c>.</summary>
    public RaceInfo? Race { get; init; }

    /// <summary>Names of the pictures from its training.</summary>
    public IReadOnlyList<string> Plots { get; init; } = [];
}

/// <summary>Answer of the calls that change which version is served; the change takes effect within the artifacts' poll interval.</summary>
/// <param name="Version">The version to serve.</param>
/// <param name="Previous">The version to serve before the change.</param>
public sealed record ModelChange(string Version, string? Previous);

/// <summary>Answer of <c>GET /outcomes</c>: what was shown, and what users did with it.</summary>
/// <param name="Days">Length of the period.</param>
/// <param name="Outcomes">By version and surface, most impressions first.</param>
/// <param name="Comparisons">Comparisons of the versions in <c>Models:Split</c>; empty without a split.</param>
public sealed record OutcomeReport(int Days, IReadOnlyList<OutcomeRow> Outcomes, IReadOnlyList<OutcomeComparison> Comparisons);

/// <param name="Version">The version that made the lists.</param>
/// <param name="Surface">Where the lists were shown, as named by the requests.</param>
/// <param name="Lists">Number of lists.</param>
/// <param name="Impressions">Number of items in the lists.</param>
/// <param name="Clicks">Impressions followed by an event of the user.</param>
/// <param name="Conversions">Impressions followed by an event of a type in <c>Outcomes:Conversions</c>.</param>
/// <param name="ClickRate">Clicks per impression.</param>
/// <param name="ConversionRate">Conversions per impression.</param>
public sealed record OutcomeRow(
    string Version, string Surface, long Lists, long Impressions, long Clicks, long Conversions, OutcomeRate ClickRate, OutcomeRate ConversionRate);

/// <summary>A share of the impressions, or a difference of two shares, with its 95% interval.</summary>
public sealed record OutcomeRate(double Value, double Low, double High);

/// <summary>Two versions on the days on which both were shown.</summary>
/// <param name="Version">The compared version.</param>
/// <param name="With">The version with the largest share.</param>
/// <param name="Rate"><c>click_rate</c> or <c>conversion_rate</c>.</param>
/// <param name="Days">Number of days on which both were shown.</param>
/// <param name="Difference">The rate of <paramref name="Version"/> minus that of <paramref name="With"/>.</param>
/// <param name="Sentence">The result in words.</param>
public sealed record OutcomeComparison(string Version, string With, string Rate, int Days, OutcomeRate Difference, string Sentence);
