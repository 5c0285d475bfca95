using NanoRecSys.Api.Endpoints;

namespace NanoRecSys.UnitTests.Api.Endpoints;

public sealed class DataApiTests
{
    [Fact]
    public void Lengths_and_popularity_are_counted_in_bands_that_double()
    {
        DataOverview data = DataApi.Of("v", Histories([1, 2, 3, 9]), [6, 1, 0, 5, 3], hasTimes: true);

        Assert.Equal([(1, 1, 1), (2, 3, 2), (4, 7, 0), (8, 15, 1)], data.HistoryLengths.Select(band => (band.From, band.To, band.Count)));
        Assert.Equal([(0, 0, 1), (1, 1, 1), (2, 3, 1), (4, 7, 2)], data.Popularity.Select(band => (band.From, band.To, band.Count)));
        Assert.Equal((3, 9), (data.MedianHistory, data.LongestHistory));
    }

    [Fact]
    public void Concentration_is_the_share_of_the_most_popular_items()
    {
        DataOverview data = DataApi.Of("v", Histories([15]), [6, 1, 0, 5, 3], hasTimes: true);

        Assert.Equal([(0.01, 0.4), (0.05, 0.4), (0.1, 0.4), (0.2, 0.4), (0.5, 14 / 15.0)], data.Concentration.Select(share => (share.Top, share.Interactions)));
    }

    [Fact]
    public void Time_is_divided_into_steps_and_without_times_there_are_none()
    {
        var timed = new UserHistories([1L], [0L, 3L], [0, 1, 2], [0L, 1_000L, 1_000L]);

        DataOverview data = DataApi.Of("v", timed, [1, 1, 1], hasTimes: true);

        Assert.Equal((1, 2, 3), (data.Over[0], data.Over[^1], data.Over.Sum()));
        Assert.Equal(DateTimeOffset.FromUnixTimeSeconds(1_000), data.Last);
        Assert.Empty(DataApi.Of("v", Histories([3]), [3], hasTimes: true).Over);
        Assert.Empty(DataApi.Of("v", timed, [1, 1, 1], hasTimes: false).Over); // such times only number the order
    }

    private static UserHistories Histories(int[] lengths)
    {
        long[] offsets = [0, .. lengths.Select((_, user) => (long)lengths[..(user + 1)].Sum())];
        return new UserHistories([.. lengths.Select((_, user) => (EntityId)(user + 1))], offsets, new int[offsets[^1]]);
    }
}
