using NanoRecSys.Api.Pipeline;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.UnitTests.Api.Pipeline;

public sealed class CacheKeyTests
{
    private static readonly RecommendationRequest Request = new() { UserId = 1, K = 10 };

    [Fact]
    public void Whatever_changes_the_answer_changes_the_key()
    {
        string[] keys =
        [
            CacheKey.Of(Request, "0123456789ab", 100),
            CacheKey.Of(Request, "ba9876543210", 100),
            CacheKey.Of(Request, "0123456789ab", 200),
            CacheKey.Of(Request with { UserId = 11 }, "0123456789ab", 100),
            CacheKey.Of(Request with { K = 1 }, "0123456789ab", 100),
            CacheKey.Of(Request with { Explain = true }, "0123456789ab", 100),
            CacheKey.Of(Request with { IncludeHistory = true }, "0123456789ab", 100),
            CacheKey.Of(Request with { UserId = null, MovieIds = [1, 2] }, "0123456789ab", 100),
            CacheKey.Of(Request with { UserId = null, MovieIds = [2, 1] }, "0123456789ab", 100),
            CacheKey.Of(Request with { UserId = null, MovieIds = [12] }, "0123456789ab", 100),
            CacheKey.Of(Request with { UserId = null, MovieIds = [1, 2], Times = [3, 4] }, "0123456789ab", 100),
            CacheKey.Of(Request, "0123456789ab", 100, newMovies: 1),
            CacheKey.Of(Request with { Diversity = 0.5 }, "0123456789ab", 100),
            CacheKey.Of(Request with { PopularityPenalty = 0.5 }, "0123456789ab", 100),
            CacheKey.Of(Request with { Filters = new FilterRequest { GenresAny = ["Drama"] } }, "0123456789ab", 100),
            CacheKey.Of(Request with { Filters = new FilterRequest { GenresNone = ["Drama"] } }, "0123456789ab", 100),
            CacheKey.Of(Request with { Filters = new FilterRequest { OnlyIds = [1] } }, "0123456789ab", 100),
            CacheKey.Of(Request with { Filters = new FilterRequest { ExcludeIds = [1] } }, "0123456789ab", 100),
            CacheKey.Of(Request with { Filters = new FilterRequest { YearFrom = 1990 } }, "0123456789ab", 100),
            CacheKey.Of(Request with { Filters = new FilterRequest { YearTo = 1990 } }, "0123456789ab", 100),
            CacheKey.Of(Request with { Filters = new FilterRequest { MinPopularity = 1990 } }, "0123456789ab", 100),
        ];

        Assert.Distinct(keys);
    }

    [Fact]
    public void The_same_request_has_the_same_key() => Assert.Equal(
        CacheKey.Of(Request with { UserId = null, MovieIds = [1, 2] }, "0123456789ab", 100),
        CacheKey.Of(new RecommendationRequest { MovieIds = [1, 2], K = 10 }, "0123456789ab", 100));
}
