using NanoRecSys.Training.Race;

namespace NanoRecSys.UnitTests.Training.Race;

public sealed class RaceChoiceTests
{
    private const int Users = 400;

    [Fact]
    public void A_blend_that_is_significantly_better_is_chosen()
    {
        RaceChoice choice = Choose(Candidate("retriever", 1, found: 100), Candidate("ease", 1, found: 120), Candidate("blend", 2, found: 180));

        Assert.Equal("blend", choice.Chosen);
        Assert.Equal(0.45, choice.Figures["blend"].Ndcg10, 9);
        Assert.True(choice.Figures["blend"].IsChosen);
        Assert.Equal(0.15, choice.Figures["ease"].Behind, 9);
        Assert.True(choice.Figures["ease"].BehindInterval.Low > 0);
    }

    [Fact]
    public void Within_noise_the_best_single_model_is_chosen_over_a_blend()
    {
        RaceChoice choice = Choose(Candidate("item-knn", 1, found: 60), Candidate("ease", 1, found: 179), Candidate("retriever", 1, found: 178), Candidate("blend", 2, found: 180));

        Assert.Equal("ease", choice.Chosen);
        Assert.Contains("not significantly behind blend", choice.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Within_noise_a_blend_is_chosen_over_the_ranker()
    {
        RaceChoice choice = Choose(
            Candidate("retriever", 1, found: 100), Candidate("ranker", RaceCandidate.RankerParts, found: 180), Candidate("blend", 2, found: 179));

        Assert.Equal("blend", choice.Chosen);
    }

    [Fact]
    public void A_single_model_that_is_significantly_behind_is_never_chosen_for_having_fewer_parts()
    {
        RaceChoice choice = Choose(Candidate("retriever", 1, found: 100), Candidate("blend", 2, found: 179), Candidate("blend of 3", 3, found: 180));

        Assert.Equal("blend", choice.Chosen);
    }

    [Fact]
    public void A_requested_candidate_is_chosen_although_it_is_behind()
    {
        RaceChoice choice = RaceChoice.Make([Candidate("retriever", 1, found: 180), Candidate("blend", 2, found: 100)], "blend", resamples: 500, seed: 1, threads: 2);

        Assert.Equal("blend", choice.Chosen);
        Assert.True(choice.Figures["blend"].IsChosen);
        Assert.Equal("blend is chosen on request: NDCG@10 0.2500 on validation; the best is retriever (0.4500).", choice.Reason);
    }

    [Fact]
    public void Weights_are_evaluated_on_users_they_were_not_fitted_on()
    {
        // The first weights suit even users, the second odd ones: each user gets those fitted on the other half, the wrong ones.
        int[] forEven = [1, 99, 1, 99, 1], forOdd = [99, 1, 99, 1, 99];

        CrossFit fit = CrossFit.Of([forEven, forOdd]);

        Assert.Equal([99, 99, 99, 99, 99], fit.Ranks);
        Assert.Equal(0, fit.Best); // best for three of five users
    }

    // Every candidate ranks the targets of the first users first.
    private static RaceCandidate Candidate(string name, int parts, int found) => new(name, parts, [.. Enumerable.Range(0, Users).Select(user => user < found ? 1 : 1000)], 0);

    private static RaceChoice Choose(params RaceCandidate[] candidates) => RaceChoice.Make(candidates, wanted: null, resamples: 500, seed: 1, threads: 2);
}
