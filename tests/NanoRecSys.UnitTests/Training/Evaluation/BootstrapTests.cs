namespace NanoRecSys.UnitTests.Training.Evaluation;

public sealed class BootstrapTests
{
    [Fact]
    public void Identical_users_have_an_interval_of_zero_width()
    {
        var bootstrap = Bootstrap.Of([[.5f, .5f, .5f], [.25f, .25f, .25f]], 100, seed: 1, threads: 2);

        Assert.Equal(new ConfidenceInterval(.5, .5), bootstrap.Interval(0));
        Assert.Equal(new ConfidenceInterval(.25, .25), bootstrap.DifferenceInterval(0, 1));
    }

    [Fact]
    public void The_interval_agrees_with_the_normal_approximation()
    {
        // 900 users, a third of them hit: one standard error is sqrt(1/3 * 2/3 / 900) = .01571.
        float[] hits = [.. Enumerable.Range(0, 900).Select(user => user % 3 == 0 ? 1f : 0)];

        ConfidenceInterval interval = Bootstrap.Of([hits], 4000, seed: 1, threads: 2).Interval(0);

        Assert.Equal(1.0 / 3 - 1.96 * .01571, interval.Low, .003);
        Assert.Equal(1.0 / 3 + 1.96 * .01571, interval.High, .003);
    }

    [Fact]
    public void A_model_that_is_slightly_better_for_every_user_is_significantly_better()
    {
        var random = new Random(1);
        float[] values = [.. Enumerable.Range(0, 200).Select(_ => (float)random.NextDouble())];
        float[] better = [.. values.Select(value => value + .01f)];
        var bootstrap = Bootstrap.Of([better, values], 500, seed: 1, threads: 1);

        ConfidenceInterval difference = bootstrap.DifferenceInterval(0, 1);

        Assert.Equal(.01, difference.Low, 1e-6);
        Assert.Equal(.01, difference.High, 1e-6);
        Assert.True(bootstrap.Interval(0).Low < bootstrap.Interval(1).High); // the unpaired intervals overlap
    }

    [Fact]
    public void A_seed_gives_the_same_intervals_on_any_number_of_threads()
    {
        float[] values = [.. Enumerable.Range(0, 100).Select(user => user / 100f)];

        ConfidenceInterval one = Bootstrap.Of([values], 300, seed: 5, threads: 1).Interval(0);

        Assert.Equal(one, Bootstrap.Of([values], 300, seed: 5, threads: 4).Interval(0));
        Assert.NotEqual(one, Bootstrap.Of([values], 300, seed: 6, threads: 1).Interval(0));
    }

    [Fact]
    public void The_better_model_is_first_and_significant_only_if_the_interval_excludes_zero()
    {
        int[] good = [.. Enumerable.Repeat(1, 30)];
        int[] bad = [.. Enumerable.Repeat(50, 30)];
        EvaluationResult[] results = [Result("bad", bad), Result("good", good), Result("same", good)];

        PairedDifference[] differences = [.. new Confidence([bad, good, good], 100, 1, 1).Differences(results).Where(d => d.Metric == "hr@10")];

        Assert.Equal([("good", "bad", true), ("same", "bad", true), ("good", "same", false)], differences.Select(d => (d.Model, d.Other, d.IsSignificant)));
        Assert.Equal(1, differences[0].Difference);
    }

    private static EvaluationResult Result(string model, int[] ranks) => new(model, "test", ranks.Length, 100, "history", RankingMetrics.Of(ranks));
}

public sealed class CalibrationFitTests
{
    [Fact]
    public void The_score_is_the_share_of_places_that_held_the_next_item()
    {
        // One of eight places with a score of 20 was correct, one of two with 24.
        ScoreCalibration fit = CalibrationFit.Of([.. Enumerable.Range(0, 8).Select(n => (20.0, n == 0)), (24.0, true), (24.0, false)])!;

        Assert.Equal(1 / 8f, fit.Apply(20), 5);
        Assert.Equal(1 / 2f, fit.Apply(24), 5);
        Assert.InRange(fit.Apply(22), fit.Apply(21), fit.Apply(23));
    }

    [Theory]
    [InlineData(0.9, 0.1, true, false)] // higher scores are correct less often
    [InlineData(0.5, 0.5, true, false)] // all scores are equal
    [InlineData(0.1, 0.9, false, false)] // no place was correct
    public void Uninformative_scores_are_not_calibrated(double first, double second, bool isFirst, bool isSecond)
    {
        (double, bool)[] places = [(first == 0.9 ? 0.1 : first, isFirst), (first == 0.9 ? 0.2 : first, false), (second == 0.1 ? 0.9 : second, isSecond)];

        Assert.Null(CalibrationFit.Of(places));
    }
}
