namespace NanoRecSys.UnitTests.Training.Evaluation;

public sealed class LogPopularityScorerTests
{
    [Fact]
    public void Cosines_become_logits_before_the_log_share_is_added()
    {
        float[] scores = new float[4];

        new LogPopularityScorer(new Cosines(), [-1f, -2f]).Score([new int[] { 0 }, new int[] { 1 }], scores);

        Assert.Equal([.5f * 20 - 1, .25f * 20 - 2, float.NegativeInfinity, 1f * 20 - 2], scores);
    }

    private sealed class Cosines : IScorer
    {
        public string Name => "cosines";

        public double LogitScale => 20; // a temperature of .05

        public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores) =>
            new[] { .5f, .25f, float.NegativeInfinity, 1f }.CopyTo(scores);
    }
}
