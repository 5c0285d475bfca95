namespace NanoRecSys.UnitTests.Training.Export;

public sealed class ParityTests
{
    [Theory]
    [InlineData(0.99e-4, true)]
    [InlineData(1.01e-4, false)]
    [InlineData(double.NaN, false)]
    public void A_graph_in_32_bits_is_judged_by_its_largest_difference(double difference, bool holds) =>
        Assert.Equal(holds, Parity.Holds(new ParityInfo(difference, 1, Parity.Tolerance)));

    [Theory]
    [InlineData(0.9951, true)]
    [InlineData(0.9949, false)]
    [InlineData(double.NaN, false)]
    public void A_graph_in_8_bits_is_judged_by_its_mean_cosine(double cosine, bool holds) =>
        Assert.Equal(holds, Parity.Holds(new ParityInfo(0.3, 1, 1 - Parity.LeastMeanCosine) { MeanCosine = cosine }));
}
