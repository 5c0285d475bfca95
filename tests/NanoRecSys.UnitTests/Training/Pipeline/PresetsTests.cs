using NanoRecSys.Training;
using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.UnitTests.Training.Pipeline;

public sealed class PresetsTests
{
    [Theory]
    [InlineData(671, 9_066, 100_004, "quick")]
    [InlineData(6_040, 3_416, 999_611, "large")]
    [InlineData(52_204, 57_289, 450_000, "sparse")]
    [InlineData(31_013, 23_715, 260_000, "sparse")]
    [InlineData(138_493, 26_744, 20_000_263, "huge")]
    public void Auto_depends_on_the_size_of_the_data_and_the_length_of_histories(int users, int items, long interactions, string expected) =>
        Assert.Equal(expected, Presets.Get("auto", Data(users, items, interactions)).Name);

    [Theory]
    [InlineData(6_040, 3_416, 999_611, RetrieverLoss.FullSoftmax)]
    [InlineData(138_493, 26_744, 20_000_263, RetrieverLoss.FullSoftmax)]
    [InlineData(400_000, 1_000_000, 90_000_000, RetrieverLoss.SampledSoftmax)]
    [InlineData(400_000, 1_000_000, 3_000_000, RetrieverLoss.SampledSoftmax)]
    public void Auto_uses_the_full_softmax_up_to_a_size_of_the_catalog(int users, int items, long interactions, RetrieverLoss expected) =>
        Assert.Equal(expected, Presets.Get("auto", Data(users, items, interactions)).Retriever.Loss);

    [Theory]
    [InlineData(52_204, 128, 20)]
    [InlineData(15_360, 128, 25)]
    [InlineData(1_000, 25, 40)]
    [InlineData(250, 16, 40)]
    public void Sparse_data_with_fewer_users_gets_smaller_batches_and_more_epochs(int users, int batch, int epochs)
    {
        TrainRetrieverOptions retriever = Presets.Get("auto", Data(users, 1_000, users * 8L)).Retriever;

        Assert.Equal((batch, epochs), (retriever.BatchUsers, retriever.Epochs));
    }

    [Theory]
    [InlineData(671, 9_066, 100_004, 2)]
    [InlineData(31_013, 23_715, 260_000, 2)]
    [InlineData(52_204, 57_289, 450_000, null)]
    [InlineData(6_040, 3_416, 999_611, null)]
    [InlineData(138_493, 100, 20_000_263, null)]
    public void Auto_trains_two_networks_where_that_takes_minutes(int users, int items, long interactions, int? expected) =>
        Assert.Equal(expected, Presets.Get("auto", Data(users, items, interactions)).Retriever.Members);

    [Fact]
    public void Each_of_two_networks_gets_the_time_limit_of_one() => Assert.Equal(
        2 * Presets.Quick.Retriever.MaxSeconds, Presets.Get("auto", Data(671, 9_066, 100_004)).Retriever.MaxSeconds);

    [Fact]
    public void Every_preset_is_a_valid_network()
    {
        DatasetSummary data = Data(671, 9_066, 100_004);

        Assert.All(TrainingNames.Presets, name => Assert.Null(UserTower.Problem(Presets.Get(name, data).Retriever.ToModel(data.Items))));
    }

    [Fact]
    public void An_unknown_preset_is_refused_with_the_known_ones() =>
        Assert.Refused<UserErrorException>(() => Presets.Get("giant", Data(1, 1, 1)), "Unknown preset 'giant'. Presets: quick, small");

    private static DatasetSummary Data(int users, int items, long interactions) =>
        new("data", "folder", "sha256", users, items, interactions, LowRated: 0, Skipped: 0, Repeated: 0, TiedUsers: 0, MinRating: 0, KCore: 0) { Hash = "hash" };
}
