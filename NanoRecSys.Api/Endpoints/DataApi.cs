using System.Runtime.CompilerServices;

namespace NanoRecSys.Api.Endpoints;

/// <summary><c>GET /catalog/data</c>: statistics of the served model's data.</summary>
internal static class DataApi
{
    private const int Steps = 40;
    private static readonly double[] Tops = [0.01, 0.05, 0.1, 0.2, 0.5];

    // Requires a pass over all interactions of a version, which never change.
    private static readonly ConditionalWeakTable<ModelSnapshot, Lazy<DataOverview>> Known = [];

    public static void MapData(this IEndpointRouteBuilder app) => app.MapGroup("").WithTags("Browsing").AddEndpointFilter<RouteGroupBuilder, ComputeFilter>()
        .MapGet("/catalog/data", (LookUp lookUp) => lookUp.Answer(new UrlFields(), catalog =>
            TypedResults.Ok(Known.GetValue(catalog.Model, model => new Lazy<DataOverview>(() => Of(
                model.Version, model.Histories, [.. model.Catalog.Items.Select(item => item.Count)], model.Artifacts.Manifest.Dataset.HasTimes != false))).Value)))
        .WithSummary("History lengths, popularity and the time range of the served model's data").WithAnswer<DataOverview>();

    /// <param name="popularity">[V] number of interactions of each item.</param>
    /// <param name="hasTimes">Whether the histories' times are real, not numbers that represent an order.</param>
    internal static DataOverview Of(string version, UserHistories histories, int[] popularity, bool hasTimes)
    {
        int[] lengths = [.. Enumerable.Range(0, histories.UserCount).Select(user => histories.At(user).Length)];
        Array.Sort(lengths);
        Array.Sort(popularity, (a, b) => b.CompareTo(a));
        long all = Math.Max(1, popularity.Sum(count => (long)count));
        (DateTimeOffset? first, DateTimeOffset? last, long[] over) = hasTimes ? Over(histories) : (null, null, []);
        return new DataOverview(
            version, lengths.Length == 0 ? 0 : lengths[lengths.Length / 2], lengths.LastOrDefault(), CountBands.Of(lengths), CountBands.Of(popularity),
            [.. Tops.Select(top => new PopularityShare(top, (double)popularity.Take((int)Math.Ceiling(top * popularity.Length)).Sum(count => (long)count) / all))],
            first, last, over);
    }

    private static (DateTimeOffset? First, DateTimeOffset? Last, long[] Over) Over(UserHistories histories)
    {
        if (!histories.HasTimes || histories.InteractionCount == 0)
        {
            return (null, null, []);
        }

        (long first, long last) = (long.MaxValue, long.MinValue);
        foreach (long time in histories.Times)
        {
            (first, last) = (Math.Min(first, time), Math.Max(last, time));
        }

        var over = new long[Steps];
        double step = Math.Max(1, (last - first + 1) / (double)Steps);
        foreach (long time in histories.Times)
        {
            over[Math.Min(Steps - 1, (int)((time - first) / step))]++;
        }

        return (DateTimeOffset.FromUnixTimeSeconds(first), DateTimeOffset.FromUnixTimeSeconds(last), over);
    }
}
