using NanoRecSys.Api.Recommendations;

namespace NanoRecSys.UnitTests.Api.Recommendations;

public sealed class CacheKeyTests
{
    private static readonly RecommendationQuery Query = new() { UserId = 1, K = 10 };

    [Fact]
    public void Whatever_changes_the_answer_changes_the_key()
    {
        string[] keys =
        [
            CacheKey.Of(Query, "0123456789ab", 100),
            CacheKey.Of(Query, "ba9876543210", 100),
            CacheKey.Of(Query, "0123456789ab", 200),
            CacheKey.Of(Query with { UserId = 11 }, "0123456789ab", 100),
            CacheKey.Of(Query with { K = 1 }, "0123456789ab", 100),
            CacheKey.Of(Query with { Explain = true }, "0123456789ab", 100),
            CacheKey.Of(Query with { IncludeHistory = true }, "0123456789ab", 100),
            CacheKey.Of(Query with { UserId = null, Session = new Session([1, 2], null) }, "0123456789ab", 100),
            CacheKey.Of(Query with { UserId = null, Session = new Session([2, 1], null) }, "0123456789ab", 100),
            CacheKey.Of(Query with { UserId = null, Session = new Session([12], null) }, "0123456789ab", 100),
            CacheKey.Of(Query with { UserId = null, Session = new Session([1, 2], [3, 4]) }, "0123456789ab", 100),
            CacheKey.Of(Query, "0123456789ab", 100, newMovies: 1),
            CacheKey.Of(Query with { Shape = new ListShape(0.5, 0) }, "0123456789ab", 100),
            CacheKey.Of(Query with { Shape = new ListShape(0, 0.5) }, "0123456789ab", 100),
            CacheKey.Of(Query with { Filter = new ItemFilter { GenresAny = ["Drama"] } }, "0123456789ab", 100),
            CacheKey.Of(Query with { Filter = new ItemFilter { GenresNone = ["Drama"] } }, "0123456789ab", 100),
            CacheKey.Of(Query with { Filter = new ItemFilter { OnlyIds = [1] } }, "0123456789ab", 100),
            CacheKey.Of(Query with { Filter = new ItemFilter { ExcludeIds = [1] } }, "0123456789ab", 100),
            CacheKey.Of(Query with { Filter = new ItemFilter { YearFrom = 1990 } }, "0123456789ab", 100),
            CacheKey.Of(Query with { Filter = new ItemFilter { YearTo = 1990 } }, "0123456789ab", 100),
            CacheKey.Of(Query with { Filter = new ItemFilter { MinPopularity = 1990 } }, "0123456789ab", 100),
        ];

        Assert.Distinct(keys);
    }

    [Fact]
    public void The_same_query_has_the_same_key() => Assert.Equal(
        CacheKey.Of(Query with { UserId = null, Session = new Session([1, 2], null) }, "0123456789ab", 100),
        CacheKey.Of(new RecommendationQuery { Session = new Session([1, 2], null), K = 10 }, "0123456789ab", 100));
}
