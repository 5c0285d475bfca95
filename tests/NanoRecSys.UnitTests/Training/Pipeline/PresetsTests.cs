using NanoRecSys.Training;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.UnitTests.Training.Pipeline;

public sealed class PresetsTests
{
    [Theory]
    [InlineData(671, 9_066, 100_004, "quick")]
    [InlineData(6_040, 3_416, 999_611, "small")]
    [InlineData(52_204, 57_289, 450_000, "sparse")]
    [InlineData(31_013, 23_715, 260_000, "sparse")]
    [InlineData(138_493, 26_744, 20_000_263, "paper")]
    public void Auto_goes_by_the_size_of_the_data_and_the_length_of_its_histories(int users, int items, long interactions, string expected) =>
        Assert.Equal(expected, Presets.Get("auto", Data(users, items, interactions)).Name);

    [Fact]
    public void Every_preset_is_a_network_that_can_be()
    {
        DatasetSummary data = Data(671, 9_066, 100_004);

        Assert.All(Presets.Names, name => Assert.Null(UserTower.Problem(Presets.Get(name, data).Retriever.ToModel(data.Items))));
    }

    [Fact]
    public void An_unknown_preset_is_named_with_those_there_are() =>
        Assert.Contains(
            "There is no preset 'huge'; there are quick, small",
            Assert.Throws<UserErrorException>(() => Presets.Get("huge", Data(1, 1, 1))).Message,
            StringComparison.Ordinal);

    private static DatasetSummary Data(int users, int items, long interactions) =>
        new("data", "folder", "sha256", users, items, interactions, LowRated: 0, Skipped: 0, Repeated: 0, TiedUsers: 0, MinRating: 0, KCore: 0);
}
