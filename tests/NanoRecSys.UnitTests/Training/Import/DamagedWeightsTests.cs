using NanoRecSys.Training.Import;

namespace NanoRecSys.UnitTests.Training.Import;

/// <summary>Each of thousands of damaged files is read, or refused with <see cref="InvalidDataException"/>, using little memory.</summary>
public sealed class DamagedWeightsTests : FolderTests
{
    private const int Files = 3000;

    // A hundred times what reading the intact file takes.
    private const long MaxBytes = 32 << 20;

    private readonly string _path;

    private readonly NamedTensor[] _tensors =
    [
        new("embedding.weight", [3, 2], [1, 2, 3, 4, 5, 6]),
        new("projection.weight", [2, 2], [1, 2, 3, 4]),
        new("projection.bias", [2], [7, 8]),
    ];

    public DamagedWeightsTests() => _path = Folder.File("weights");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_file_that_ends_early_is_refused_wherever_it_ends(bool isPth)
    {
        byte[] whole = Whole(isPth);
        for (int length = 0; length < whole.Length; length++)
        {
            Assert.False(IsRead(whole[..length]), $"{length} of {whole.Length} bytes");
        }
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(true, 2)]
    [InlineData(false, 3)]
    public void A_file_with_changed_bytes_is_read_or_refused(bool isPth, int seed)
    {
        byte[] whole = Whole(isPth);
        var random = new Random(seed);
        int refused = Enumerable.Range(0, Files).Count(_ => !IsRead(Change(whole, random)));
        Assert.InRange(refused, Files / 10, Files - 1);
    }

    [Fact]
    public void A_file_whose_pickle_has_changed_bytes_is_read_or_refused()
    {
        PthTensor[] tensors = [.. _tensors.Select((tensor, i) => new PthTensor(
            tensor.Name, "FloatStorage", $"{i}", new byte[4 * tensor.Values.Length], tensor.Values.Length, 0, tensor.Shape, PthWriter.Contiguous(tensor.Shape)))];
        byte[] pickle = new PickleWriter().Raw(0x80, 2).StateDictionary(tensors).Raw('.').ToArray();
        var random = new Random(4);
        int refused = 0;
        for (int i = 0; i < Files; i++)
        {
            PthWriter.WriteArchive(_path, Change(pickle, random), tensors.Select(tensor => (tensor.Key, tensor.Storage)));
            refused += IsRead(File.ReadAllBytes(_path)) ? 0 : 1;
        }

        Assert.InRange(refused, Files / 10, Files - 1);
    }

    [Fact]
    public void A_pickle_of_millions_of_objects_ends()
    {
        byte[] pickle = [0x80, 2, .. Enumerable.Repeat((byte)'}', 3_000_000), (byte)'.'];
        PthWriter.WriteArchive(_path, pickle, []);
        Assert.Refused<InvalidDataException>(() => PretrainedWeights.Read(_path, "embedding.weight"), "more than 2,000,000 operations");
    }

    private static byte[] Change(byte[] whole, Random random)
    {
        byte[] changed = [.. whole];
        for (int n = random.Next(1, 6); n > 0; n--)
        {
            changed[random.Next(changed.Length)] = (byte)(random.Next(4) switch
            {
                0 => 0,
                1 => 0xFF,
                _ => random.Next(256),
            });
        }

        return changed;
    }

    private byte[] Whole(bool isPth)
    {
        if (isPth)
        {
            PthWriter.Write(_path, _tensors);
        }
        else
        {
            SafetensorsFile.Write(_path, _tensors, new Dictionary<string, string> { ["heads"] = "1" });
        }

        return File.ReadAllBytes(_path);
    }

    private bool IsRead(byte[] content)
    {
        File.WriteAllBytes(_path, content);
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            PretrainedWeights.Read(_path, "embedding.weight");
            return true;
        }
        catch (InvalidDataException)
        {
            return false;
        }
        finally
        {
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MaxBytes);
        }
    }
}
