namespace NanoRecSys.UnitTests.Training.Evaluation;

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
