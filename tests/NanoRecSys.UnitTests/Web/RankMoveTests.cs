using NanoRecSys.Web.Components.Recommend;

namespace NanoRecSys.UnitTests.Web;

public sealed class RankMoveTests
{
    private static readonly EntityId[] Before = [10, 20, 30];

    [Fact]
    public void A_movie_that_was_not_in_the_list_is_new() => Assert.Equal("new", RankMove.Of(99, 0, Before)!.Sign);

    [Theory]
    [InlineData(30, 0, "▲ 2", "up by 2")]
    [InlineData(10, 1, "▼ 1", "down by 1")]
    public void A_movie_that_was_in_the_list_shows_how_far_it_moved(int item, int rank, string sign, string words)
    {
        RankMove move = RankMove.Of(item, rank, Before)!;

        Assert.Equal((sign, words), (move.Sign, move.InWords));
    }

    [Fact]
    public void Without_a_move_or_a_list_to_compare_with_nothing_is_shown()
    {
        Assert.Null(RankMove.Of(20, 1, Before));
        Assert.Null(RankMove.Of(20, 1, null));
    }
}
