using NanoRecSys.Api.Pipeline;
using NanoRecSys.Core.Serving;

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
            CacheKey.Of(Request with { UserId = null, ItemIds = [1, 2] }, "0123456789ab", 100),
            CacheKey.Of(Request with { UserId = null, ItemIds = [2, 1] }, "0123456789ab", 100),
            CacheKey.Of(Request with { UserId = null, ItemIds = [12] }, "0123456789ab", 100),
            CacheKey.Of(Request with { UserId = null, ItemIds = [1, 2], Times = [3, 4] }, "0123456789ab", 100),
            CacheKey.Of(Request with { Diversity = 0.5 }, "0123456789ab", 100),
            CacheKey.Of(Request with { PopularityPenalty = 0.5 }, "0123456789ab", 100),
            CacheKey.Of(Request with { ShowsMovies = true }, "0123456789ab", 100),
            CacheKey.Of(Request with { Offset = 10 }, "0123456789ab", 100),
            CacheKey.Of(Request with { InView = EntityId.Of("a/b") }, "0123456789ab", 100),
            CacheKey.Of(Request with { UserId = null, InView = EntityId.Of("a/b") }, "0123456789ab", 100),
            Filtered(new Condition("categories", "in", ["Drama"])),
            Filtered(new Condition("categories", "!=", ["Drama"])),
            Filtered(new Condition("year", ">=", [1990])),
            Filtered(new Condition("year", "<=", [1990])),
            Filtered(new Condition("brand", "=", ["1990"])),
            Filtered(new Condition("brand", "=", [1990])),
            CacheKey.Of(Request with { Filter = new ItemFilter([], [1], []) }, "0123456789ab", 100),
            CacheKey.Of(Request with { Filter = new ItemFilter([], [], [1]) }, "0123456789ab", 100),
            CacheKey.Of(Request with { Boosts = [new Boost(new Selection([new Condition("brand", "=", ["A"])], []), 2)] }, "0123456789ab", 100),
            CacheKey.Of(Request with { Boosts = [new Boost(new Selection([new Condition("brand", "=", ["A"])], []), 3)] }, "0123456789ab", 100),
            CacheKey.Of(Request with { Boosts = [new Boost(new Selection([], [1]), 2)] }, "0123456789ab", 100),
            CacheKey.Of(Request with { Rules = new RulesInForce([], "a") }, "0123456789ab", 100),
            CacheKey.Of(Request with { Pins = [new PinRequest(1, 2)] }, "0123456789ab", 100),
            CacheKey.Of(Request with { Pins = [new PinRequest(2, 1)] }, "0123456789ab", 100),
        ];

        Assert.Distinct(keys);
    }

    [Fact]
    public void The_same_request_has_the_same_key() => Assert.Equal(
        CacheKey.Of(Request with { UserId = null, ItemIds = [1, 2] }, "0123456789ab", 100),
        CacheKey.Of(new RecommendationRequest { ItemIds = [1, 2], K = 10 }, "0123456789ab", 100));

    [Fact]
    public void Order_and_letter_case_of_conditions_and_values_do_not_change_the_key() => Assert.Equal(
        Filtered(new Condition("Brand", "in", ["a", "B"]), new Condition("year", ">", [1990])),
        Filtered(new Condition("year", ">", [1990]), new Condition("brand", "in", ["b", "A", "a"])));

    private static string Filtered(params Condition[] where) => CacheKey.Of(Request with { Filter = new ItemFilter(where, [], []) }, "0123456789ab", 100);
}
