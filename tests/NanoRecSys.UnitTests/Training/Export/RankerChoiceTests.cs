namespace NanoRecSys.UnitTests.Training.Export;

public sealed class RankerChoiceTests
{
    [Theory]
    [InlineData(0.20, 0.19, true)]
    [InlineData(0.19, 0.19, true)]
    [InlineData(0.18, 0.19, false)]
    [InlineData(double.NaN, 0.19, false)]
    public void It_is_published_unless_it_is_worse_on_validation(double ranker, double retriever, bool published)
    {
        RankerChoice choice = RankerChoice.Make(RankerUse.IfBetter, isExported: true,
        [
            Result("retriever", "validation", retriever), Result("ranker", "validation", ranker),
            Result("retriever", "test", 1 - retriever), Result("ranker", "test", 1 - ranker),
        ]);
        Assert.Equal(published, choice.Use);
        Assert.Contains("0.1900", choice.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_ranker_that_finds_nothing_is_left_out_even_beside_a_retriever_that_finds_nothing()
    {
        RankerChoice choice = RankerChoice.Make(RankerUse.IfBetter, isExported: true, [Result("retriever", "validation", 0), Result("ranker", "validation", 0)]);

        Assert.False(choice.Use);
        Assert.Contains("finds nothing", choice.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_figures_of_both_it_is_left_out()
    {
        RankerChoice choice = RankerChoice.Make(RankerUse.IfBetter, isExported: true,
            [Result("ranker", "validation", 0.5), Result("retriever", "test", 0.1)]);
        Assert.False(choice.Use);
        Assert.Contains("Run 'evaluate --split both' first", choice.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void An_explicit_choice_is_obeyed_if_there_is_a_ranker()
    {
        EvaluationResult[] losing = [Result("retriever", "validation", 0.2), Result("ranker", "validation", 0.1)];
        Assert.True(RankerChoice.Make(RankerUse.Always, isExported: true, losing).Use);
        Assert.False(RankerChoice.Make(RankerUse.Never, isExported: true, []).Use);
        Assert.False(RankerChoice.Make(RankerUse.Always, isExported: false, []).Use);
    }

    private static EvaluationResult Result(string model, string split, double ndcg) =>
        new(model, split, 671, 9066, "history", new Dictionary<string, double> { ["ndcg@10"] = ndcg });
}
