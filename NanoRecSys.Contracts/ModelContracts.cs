namespace NanoRecSys.Contracts;

/// <summary>Answer of <c>GET /models</c>.</summary>
/// <param name="Current">The version that was published or made current last.</param>
/// <param name="Pinned">The version that is served whatever is published; null while none is pinned.</param>
/// <param name="Served">The version that answers most requests now; null before the first.</param>
/// <param name="Versions">Newest first.</param>
public sealed record ModelList(string? Current, string? Pinned, string? Served, IReadOnlyList<ModelVersionInfo> Versions);

/// <param name="Version">Its name.</param>
/// <param name="Created">When it was published.</param>
/// <param name="Dataset">Name of what it was trained on.</param>
/// <param name="Kind">Of its network.</param>
/// <param name="Weight">Share of the users who are served by it, where <c>Models:Split</c> says so.</param>
/// <param name="Metrics">On the test part; on validation where nothing was evaluated on test.</param>
/// <param name="Error">Why it cannot be served, where that is known without reading all of it.</param>
public sealed record ModelVersionInfo(
    string Version, DateTimeOffset? Created, string? Dataset, string? Kind, double? Weight, IReadOnlyList<EvaluationResult> Metrics, string? Error = null)
{
    /// <summary>How it compared with the version that was served when it was published; null where there was none.</summary>
    public GateResult? Gate { get; init; }

    /// <summary>The candidates that <c>auto</c> compared; null where it was not <c>auto</c> that trained it.</summary>
    public RaceInfo? Race { get; init; }

    /// <summary>Names of the pictures of its training.</summary>
    public IReadOnlyList<string> Plots { get; init; } = [];
}

/// <summary>Answer of the calls that change which version is served; it is served within the artifacts' poll interval.</summary>
/// <param name="Version">What is to be served.</param>
/// <param name="Previous">What was to be served before.</param>
public sealed record ModelChange(string Version, string? Previous);

/// <summary>Answer of <c>GET /outcomes</c>: what was shown, and what became of it.</summary>
/// <param name="Days">How far back.</param>
/// <param name="Outcomes">By version and surface, most impressions first.</param>
/// <param name="Comparisons">Of the versions that <c>Models:Split</c> names; empty without a split.</param>
public sealed record OutcomeReport(int Days, IReadOnlyList<OutcomeRow> Outcomes, IReadOnlyList<OutcomeComparison> Comparisons);

/// <param name="Version">That made the lists.</param>
/// <param name="Surface">Where they were shown, as the requests named it.</param>
/// <param name="Lists">Answers.</param>
/// <param name="Impressions">Items of them.</param>
/// <param name="Clicks">Impressions that a user's event followed.</param>
/// <param name="Conversions">Impressions that an event of a type in <c>Outcomes:Conversions</c> followed.</param>
/// <param name="ClickRate">Clicks per impression.</param>
/// <param name="ConversionRate">Conversions per impression.</param>
public sealed record OutcomeRow(
    string Version, string Surface, long Lists, long Impressions, long Clicks, long Conversions, OutcomeRate ClickRate, OutcomeRate ConversionRate);

/// <summary>A share of the impressions with its 95% interval, or a difference of two.</summary>
public sealed record OutcomeRate(double Value, double Low, double High);

/// <summary>Two versions on the days on which both were shown.</summary>
/// <param name="Version">The one that is compared.</param>
/// <param name="With">The version of the largest share.</param>
/// <param name="Rate"><c>click_rate</c> or <c>conversion_rate</c>.</param>
/// <param name="Days">On which both were shown.</param>
/// <param name="Difference">The rate of <paramref name="Version"/> less that of <paramref name="With"/>.</param>
/// <param name="Sentence">The same in words.</param>
public sealed record OutcomeComparison(string Version, string With, string Rate, int Days, OutcomeRate Difference, string Sentence);
