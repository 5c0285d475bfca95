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
            CacheKey.Of(Query with { UserId = null, Session = [1, 2] }, "0123456789ab", 100),
            CacheKey.Of(Query with { UserId = null, Session = [2, 1] }, "0123456789ab", 100),
            CacheKey.Of(Query with { UserId = null, Session = [12] }, "0123456789ab", 100),
        ];

        Assert.Distinct(keys);
    }

    [Fact]
    public void The_same_query_has_the_same_key() => Assert.Equal(
        CacheKey.Of(Query with { UserId = null, Session = [1, 2] }, "0123456789ab", 100),
        CacheKey.Of(new RecommendationQuery { Session = [1, 2], K = 10 }, "0123456789ab", 100));
}
