namespace NanoRecSys.UnitTests.Training.Models;

public sealed class TorchDeviceTests
{
    [Theory]
    [InlineData("auto", true, 2, "cuda")]
    [InlineData("auto", true, 0, "cpu")]
    [InlineData("auto", false, 2, "cpu")]
    [InlineData("cpu", true, 2, "cpu")]
    [InlineData("cuda", true, 1, "cuda")]
    [InlineData("cuda:1", true, 2, "cuda:1")]
    public void Auto_selects_a_GPU_if_build_and_machine_have_one(string requested, bool isCudaBuild, int gpus, string expected) =>
        Assert.Equal(expected, TorchDevice.Resolve(requested, isCudaBuild, () => gpus));

    [Theory]
    [InlineData("cuda", false, 1, "Build with -p:TorchDevice=cuda")]
    [InlineData("cuda", true, 0, "finds no NVIDIA GPU")]
    [InlineData("cuda:2", true, 2, "the last GPU here is cuda:1")]
    public void A_missing_GPU_is_refused_with_the_reason(string requested, bool isCudaBuild, int gpus, string reason)
    {
        Assert.Refused<UserErrorException>(() => TorchDevice.Resolve(requested, isCudaBuild, () => gpus), $"--device {requested} is not available: ", reason);
    }

    [Theory]
    [InlineData("cpu", true)]
    [InlineData("auto", false)]
    public void Torch_is_not_loaded_if_only_the_CPU_is_possible(string requested, bool isCudaBuild) =>
        Assert.Equal("cpu", TorchDevice.Resolve(requested, isCudaBuild, () => throw new InvalidOperationException("requested")));
}
