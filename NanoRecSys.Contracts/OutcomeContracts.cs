namespace NanoRecSys.Contracts;

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
