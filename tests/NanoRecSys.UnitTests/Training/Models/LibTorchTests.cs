using System.Security.Cryptography;
using System.Text;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Models;

public sealed class LibTorchTests : FolderTests
{
    [Fact]
    public void The_patched_copy_requires_only_the_older_version_and_the_source_is_unchanged()
    {
        string? shipped = LibTorch.FindShippedLibrary();
        Assert.SkipWhen(shipped is null, "TorchSharp ships another form of its library on this platform.");
        byte[] before = SHA256.HashData(File.ReadAllBytes(shipped));

        string copy = LibTorch.WritePatchedCopy(shipped, Folder.Path);

        string text = Encoding.Latin1.GetString(File.ReadAllBytes(copy));
        Assert.DoesNotContain("\0_ZSt21ios_base_library_initv\0_", text[..(text.Length / 4)], StringComparison.Ordinal);
        Assert.Contains("\0sched_yield\0", text, StringComparison.Ordinal);
        Assert.Equal(new FileInfo(shipped).Length, new FileInfo(copy).Length);
        Assert.Equal(before, SHA256.HashData(File.ReadAllBytes(shipped)));
    }

    [Fact]
    public void An_existing_copy_is_reused()
    {
        string? shipped = LibTorch.FindShippedLibrary();
        Assert.SkipWhen(shipped is null, "TorchSharp ships another form of its library on this platform.");
        string first = LibTorch.WritePatchedCopy(shipped, Folder.Path);
        DateTime written = File.GetLastWriteTimeUtc(first);

        string second = LibTorch.WritePatchedCopy(shipped, Folder.Path);

        Assert.Equal(first, second);
        Assert.Equal(written, File.GetLastWriteTimeUtc(second));
        Assert.Single(Directory.EnumerateFiles(Folder.Path, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public void An_invalid_library_is_refused_and_no_copy_is_left()
    {
        string text = Folder.File("libLibTorchSharp.so");
        File.WriteAllText(text, new string('x', 4096));

        Assert.Refused<InvalidDataException>(() => LibTorch.WritePatchedCopy(text, Folder.Path), "Not a 64-bit little-endian ELF library");
        Assert.Single(Directory.EnumerateFileSystemEntries(Folder.Path));
    }
}

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

[Collection(SeededTorch.Name)]
public sealed class KeptScalarAdamWTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(0.01)]
    public void Steps_give_exactly_the_librarys_numbers(double weightDecay)
    {
        using var scope = NewDisposeScope();
        var mine = new Parameter(arange(-6, 6, dtype: float32).reshape(3, 4));
        var theirs = new Parameter(arange(-6, 6, dtype: float32).reshape(3, 4));
        using var kept = new KeptScalarAdamW([mine], 0.01, 0.9, 0.98, weightDecay);
        using AdamW library = optim.AdamW([theirs], 0.01, 0.9, 0.98, weight_decay: weightDecay);

        for (int step = 0; step < 20; step++)
        {
            foreach ((optim.Optimizer optimizer, Parameter parameter) in new (optim.Optimizer, Parameter)[] { (kept, mine), (library, theirs) })
            {
                optimizer.zero_grad();
                parameter.sin().mul(step + 1).sum().backward();
                optimizer.step();
            }
        }

        Assert.Equal(theirs.data<float>().ToArray(), mine.data<float>().ToArray());
    }
}
