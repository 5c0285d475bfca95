using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.UnitTests.Training.Retrieval;

public sealed class LearningRateScheduleTests
{
    [Theory]
    [InlineData(0, 0.25)]
    [InlineData(3, 1)]
    [InlineData(4, 1)]
    [InlineData(9, 0.5)]
    [InlineData(14, 0)]
    public void It_warms_up_linearly_and_decays_along_a_cosine(long step, double expected) =>
        Assert.Equal(expected, new LearningRateSchedule(1, 4, LearningRateDecay.Cosine, 14).At(step), 1e-9);

    [Fact]
    public void Without_decay_it_is_constant() =>
        Assert.Equal(2, new LearningRateSchedule(2, 4, LearningRateDecay.None, 14).At(1000));
}
