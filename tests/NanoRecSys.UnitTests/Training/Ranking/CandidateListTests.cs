using NanoRecSys.Training.Ranking;

namespace NanoRecSys.UnitTests.Training.Ranking;

public sealed class CandidateListTests
{
    private static readonly CandidateList List = new(Rows: [7, 2, 5], Cosines: [0.9f, 0.5f, 0.1f], Logits: [0, 1, 2]);

    [Theory]
    [InlineData(0, 5, 1)] // the ranker alone
    [InlineData(0, 7, 3)]
    [InlineData(100, 7, 1)] // almost the retriever's order
    [InlineData(100, 5, 3)]
    public void The_weight_moves_the_order_from_the_rankers_to_the_retrievers(double weight, int item, int rank) =>
        Assert.Equal(rank, List.RankOf(item, weight));

    [Fact]
    public void A_tie_counts_against_the_item() => Assert.Equal(3, List.RankOf(2, 2.5)); // all three score 2.25

    [Fact]
    public void A_NaN_logit_is_not_a_hit()
    {
        Assert.Equal(3, (List with { Logits = [0, 1, float.NaN] }).RankOf(5, 0));
        Assert.Equal(2, (List with { Logits = [float.NaN, 1, 0] }).RankOf(2, 0));
    }

    [Fact]
    public void Items_that_were_not_retrieved_have_no_rank() => Assert.Null(List.RankOf(4, 1));
}
