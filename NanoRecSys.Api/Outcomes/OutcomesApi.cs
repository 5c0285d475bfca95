using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using StackExchange.Redis;

namespace NanoRecSys.Api.Outcomes;

/// <summary>Section <c>Outcomes</c>.</summary>
internal sealed class OutcomeOptions
{
    public const string Section = "Outcomes";

    /// <summary>How long a shown list is remembered and events count for it; zero records nothing.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "30.00:00:00")]
    public TimeSpan Window { get; set; } = TimeSpan.FromDays(1);

    /// <summary>Event types that are conversions; any event with a positive weight is a click.</summary>
    public ISet<string> Conversions { get; init; } = new HashSet<string>(StringComparer.OrdinalIgnoreCase) { "purchase" };
}

/// <summary><c>GET /outcomes</c>: how often recommended items are taken, by version and surface.</summary>
internal static class OutcomesApi
{
    private const int DefaultDays = 30;
    private const double Z = 1.959964; // for 95%

    public static void AddOutcomes(this WebApplicationBuilder builder)
    {
        builder.AddSettings<OutcomeOptions>(OutcomeOptions.Section);
        builder.Services.AddBackground<ImpressionLog>();
    }

    public static void MapOutcomes(this IEndpointRouteBuilder app) => app.MapGet("/outcomes", GetOutcomes)
        .WithTags("Models").WithSummary("Shown and taken items, by version and surface, and the result of Models:Split")
        .WithAnswer<OutcomeReport>().RequireKey(KeyRole.Read);

    private static async Task<IResult> GetOutcomes(
        ImpressionLog impressions, IOptions<ModelsOptions> models, TimeProvider time, IServiceProvider services,
        [Description("Days to look back, today included, 1 to 90; default: 30")] string? days = null)
    {
        var fields = new UrlFields();
        int back = fields.Int32("days", days, DefaultDays, 1, OutcomeTotals.DaysKept);
        if (fields.Errors.Count > 0)
        {
            return TypedResults.UnprocessableEntity(new FieldErrors(fields.Errors));
        }

        if (services.GetService<IConnectionMultiplexer>() is not { } redis)
        {
            return TypedResults.Ok(new OutcomeReport(back, [], []));
        }

        try
        {
            await impressions.FlushAsync();
            OutcomeTotals totals = await OutcomeTotals.ReadAsync(redis.GetDatabase(), DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime), back);
            return TypedResults.Ok(Report(back, totals, [.. models.Value.Split.OrderByDescending(share => share.Value).ThenBy(share => share.Key, StringComparer.Ordinal).Select(share => share.Key)]));
        }
        catch (Exception e) when (RedisFailure.Is(e))
        {
            throw new EventStoreException($"The outcomes cannot be read: {e.Message}", e);
        }
    }

    /// <param name="days">Number of days that the totals cover.</param>
    /// <param name="split">Versions served side by side, the one with the largest share first.</param>
    internal static OutcomeReport Report(int days, OutcomeTotals totals, IReadOnlyList<string> split)
    {
        IEnumerable<OutcomeRow> rows = totals.Groups.Select(group => (group.Version, group.Surface)).Distinct().Select(group =>
        {
            long Sum(string kind) => totals.Sum(kind, key => (key.Version, key.Surface) == group);
            (long shown, long clicks, long conversions) = (Sum(OutcomeTotals.Impressions), Sum(OutcomeTotals.Clicks), Sum(OutcomeTotals.Conversions));
            return new OutcomeRow(group.Version, group.Surface, Sum(OutcomeTotals.Lists), shown, clicks, conversions, Wilson(clicks, shown), Wilson(conversions, shown));
        });
        return new OutcomeReport(
            days, [.. rows.OrderByDescending(row => row.Impressions).ThenBy(row => row.Version, StringComparer.Ordinal).ThenBy(row => row.Surface, StringComparer.Ordinal)],
            [.. split.Skip(1).SelectMany(version => new[] { (OutcomeTotals.Clicks, "click_rate"), (OutcomeTotals.Conversions, "conversion_rate") }
                .Select(rate => Compare(totals, version, split[0], rate.Item1, rate.Item2)))]);
    }

    // Only over days on which both were shown, so that differences between days affect both.
    private static OutcomeComparison Compare(OutcomeTotals totals, string version, string with, string kind, string rate)
    {
        HashSet<DateOnly> days = [.. totals.Groups.Where(group => group.Version == version).Select(group => group.Day)];
        days.IntersectWith(totals.Groups.Where(group => group.Version == with).Select(group => group.Day));
        OutcomeRate Of(string name) => Wilson(Sum(name, kind), Sum(name, OutcomeTotals.Impressions));
        long Sum(string name, string what) => totals.Sum(what, key => key.Version == name && days.Contains(key.Day));
        (OutcomeRate own, OutcomeRate other) = (Of(version), Of(with));
        OutcomeRate difference = Difference(own, other);
        string verdict = difference.Low > 0 ? "better" : difference.High < 0 ? "worse" : "which may be chance";
        string sentence = days.Count == 0
            ? $"{version} and {with} were not shown on the same day."
            : $"The {rate.Replace('_', ' ')} of {version} is {100 * own.Value:0.00}% and of {with} {100 * other.Value:0.00}%: a difference of "
                + $"{100 * difference.Value:+0.00;-0.00;0.00} points ({100 * difference.Low:+0.00;-0.00;0.00} to {100 * difference.High:+0.00;-0.00;0.00}), {verdict}.";
        return new OutcomeComparison(version, with, rate, days.Count, difference, sentence);
    }

    /// <summary>Wilson score interval of a share.</summary>
    internal static OutcomeRate Wilson(long hits, long of)
    {
        if (of == 0)
        {
            return new OutcomeRate(0, 0, 1);
        }

        double share = Math.Min(1, (double)hits / of);
        double middle = share + (Z * Z / (2 * of));
        double half = Z * Math.Sqrt((share * (1 - share) / of) + (Z * Z / (4.0 * of * of)));
        double scale = 1 + (Z * Z / of);
        return new OutcomeRate(share, Math.Max(0, (middle - half) / scale), Math.Min(1, (middle + half) / scale));
    }

    /// <summary>Newcombe's interval of the difference of two shares, from the Wilson intervals of both (1998, method 10).</summary>
    internal static OutcomeRate Difference(OutcomeRate a, OutcomeRate b)
    {
        double difference = a.Value - b.Value;
        return new OutcomeRate(
            difference, difference - double.Hypot(a.Value - a.Low, b.High - b.Value), difference + double.Hypot(a.High - a.Value, b.Value - b.Low));
    }
}
