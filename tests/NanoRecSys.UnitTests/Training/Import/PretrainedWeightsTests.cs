using System.IO.Compression;
using System.Runtime.InteropServices;
using NanoRecSys.Training.Import;

namespace NanoRecSys.UnitTests.Training.Import;

public sealed class PretrainedWeightsTests : FolderTests
{
    private readonly string _path;

    public PretrainedWeightsTests() => _path = Folder.File("weights.pth");

    [Theory]
    [InlineData("user_tower", 21, "embedding.weight")]
    [InlineData("ranker", 25, "genre_embeddings.weight")]
    public void PyTorchs_two_formats_of_the_same_network_give_identical_tensors(string network, int count, string landmark)
    {
        IReadOnlyDictionary<string, NamedTensor> pth = PretrainedWeights.Read(RepositoryFolder.Shared("parity", "model", $"{network}.pth"), landmark).Tensors;
        IReadOnlyDictionary<string, NamedTensor> safetensors = PretrainedWeights.Read(RepositoryFolder.Shared("parity", "model", $"{network}.safetensors"), landmark).Tensors;

        Assert.Equal(count, pth.Count);
        Assert.Equal(safetensors.Keys.Order(StringComparer.Ordinal), pth.Keys.Order(StringComparer.Ordinal));
        Assert.All(safetensors, entry =>
        {
            Assert.Equal(entry.Value.Shape, pth[entry.Key].Shape);
            Assert.Equal(entry.Value.Values, pth[entry.Key].Values);
        });
    }

    [Theory]
    [InlineData("DoubleStorage", "000000000000F03F 00000000000004C0")]
    [InlineData("FloatStorage", "0000803F 000020C0")]
    [InlineData("HalfStorage", "003C 00C1")]
    [InlineData("BFloat16Storage", "803F 20C0")]
    public void Numbers_of_every_precision_become_float32(string type, string hex) => AssertStored(type, hex, 1, -2.5f);

    [Theory]
    [InlineData("LongStorage", "0100000000000000 FEFFFFFFFFFFFFFF")]
    [InlineData("IntStorage", "01000000 FEFFFFFF")]
    [InlineData("ShortStorage", "0100 FEFF")]
    [InlineData("CharStorage", "01 FE")]
    public void Integers_become_float32(string type, string hex) => AssertStored(type, hex, 1, -2);

    [Fact]
    public void A_big_endian_file_is_byte_swapped()
    {
        PthWriter.Write(_path, [Tensor("embedding.weight", "HalfStorage", Convert.FromHexString("3C00C100"), 2, 0, [2], [1])], [], "big");
        Assert.Equal([1, -2.5f], Read()["embedding.weight"].Values);
    }

    [Fact]
    public void Views_are_read_by_strides_and_offset_including_shared_storages()
    {
        byte[] storage = Bytes(0, 1, 2, 3, 4, 5, 6, 7);
        PthWriter.Write(_path,
        [
            Tensor("embedding.weight", "FloatStorage", storage, 8, 0, [2, 4], [4, 1]),
            Tensor("transposed", "FloatStorage", storage, 8, 0, [4, 2], [1, 4]),
            Tensor("every.second", "FloatStorage", storage, 8, 1, [3], [2]),
            Tensor("repeated", "FloatStorage", storage, 8, 7, [2, 2], [0, 0]),
            Tensor("scalar", "FloatStorage", storage, 8, 5, [], []),
            Tensor("nothing", "FloatStorage", storage, 8, 8, [0, 3], [3, 1]),
        ], []);

        IReadOnlyDictionary<string, NamedTensor> tensors = Read();

        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7], tensors["embedding.weight"].Values);
        Assert.Equal([0, 4, 1, 5, 2, 6, 3, 7], tensors["transposed"].Values);
        Assert.Equal([4, 2], tensors["transposed"].Shape);
        Assert.Equal([1, 3, 5], tensors["every.second"].Values);
        Assert.Equal([7, 7, 7, 7], tensors["repeated"].Values);
        Assert.Equal([5], tensors["scalar"].Values);
        Assert.Empty(tensors["nothing"].Values);
    }

    [Theory]
    [InlineData("state_dict")]
    [InlineData("model")]
    [InlineData("checkpoint", "model_state_dict")]
    public void The_state_dictionary_of_a_checkpoint_is_used_with_a_note(params string[] nesting)
    {
        PthWriter.Write(_path, [Tensor("embedding.weight", "FloatStorage", Bytes(1), 1, 0, [1], [1])], nesting);

        PretrainedWeights weights = PretrainedWeights.Read(_path, "embedding.weight");

        Assert.Equal(["embedding.weight"], weights.Tensors.Keys);
        Assert.Equal(nesting.Select(key => $"The weights were taken from '{key}' of the checkpoint."), weights.Notes);
    }

    [Theory]
    [InlineData("module.")]
    [InlineData("_orig_mod.")]
    [InlineData("module.user_tower.")]
    public void A_common_prefix_of_names_is_removed_with_a_note(string prefix)
    {
        PthWriter.Write(_path, [new NamedTensor(prefix + "embedding.weight", [1], [1]), new NamedTensor(prefix + "projection.weight", [1], [2]), new NamedTensor("other.embedding.weight", [1], [3])]);

        PretrainedWeights weights = PretrainedWeights.Read(_path, UserTowerLayout.Landmarks);

        Assert.Equal([1], weights.Tensors["embedding.weight"].Values);
        Assert.Equal(["embedding.weight", "other.embedding.weight", "projection.weight"], weights.Tensors.Keys.Order(StringComparer.Ordinal));
        Assert.Equal([$"The names in weights.pth were read without their prefix '{prefix}'."], weights.Notes);
    }

    [Theory]
    [InlineData("posix", "system")]
    [InlineData("builtins", "eval")]
    [InlineData("torch", "load")]
    [InlineData("__main__", "UserTower")]
    [InlineData("torch.nn.modules.linear", "Linear")]
    [InlineData("collections", "defaultdict")]
    public void Pickled_functions_that_build_no_tensors_are_refused_by_name(string module, string name)
    {
        PthWriter.WriteArchive(_path, new PickleWriter().Raw(0x80, 2).Global(module, name).Text("rm -rf ~").Raw(0x85, 'R', '.').ToArray(), []);
        AssertRefused($"it names '{module}.{name}', and only dictionaries of tensors are read. Save it in PyTorch with torch.save(model.state_dict(), path).");
    }

    [Theory]
    [InlineData("8002 636F730A73797374656D0A 2E", "'os.system'")] // c: os.system
    [InlineData("8004 8C026F73 8C0673797374656D 93 2E", "'os.system'")] // the same in protocol 4
    [InlineData("8002 69 6F730A73797374656D0A 2E", "instruction 0x69")] // INST
    [InlineData("8002 8201 2E", "instruction 0x82")] // EXT1
    [InlineData("8002 7D 5D 86 81 2E", "instruction 0x81")] // NEWOBJ
    [InlineData("8002 4B01 4B02 52 2E", "not a function")]
    [InlineData("8002 5D 7D 62 2E", "other than a dictionary")] // state of a list
    [InlineData("8009 2E", "protocol 9")]
    [InlineData("8002 2E", "pops more from its stack")]
    [InlineData("8002 4B01 28 30 2E", "pops more from its stack")]
    [InlineData("8002 6805 2E", "memo entry 5")]
    [InlineData("8002 58FFFFFF7F 41", "cut short")]
    [InlineData("8002 8AFF00", "255 bytes")]
    [InlineData("8002 5801000000FF 2E", "not UTF-8")]
    [InlineData("8002 4B01 51 2E", "refers to data")]
    [InlineData("8002 5D 2E", "it contains a list, not a state dictionary")]
    [InlineData("8002 7D 2E", "it contains no tensors")]
    public void A_pickle_without_a_state_dictionary_is_refused_with_the_reason(string hex, string reason)
    {
        PthWriter.WriteArchive(_path, Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)), []);
        AssertRefused(reason);
    }

    [Theory]
    [InlineData(0, new long[] { 3 }, new long[] { 1 })]
    [InlineData(1, new long[] { 2 }, new long[] { 1 })]
    [InlineData(0, new long[] { 2, 2 }, new long[] { 1, 1 })]
    [InlineData(0, new long[] { 2 }, new long[] { int.MaxValue })]
    [InlineData(0, new long[] { int.MaxValue, int.MaxValue, int.MaxValue }, new long[] { 0, 0, 0 })]
    public void A_view_beyond_its_storage_is_refused(long offset, long[] shape, long[] strides)
    {
        PthWriter.Write(_path, [Tensor("embedding.weight", "FloatStorage", Bytes(1, 2), 2, offset, shape, strides)], []);
        AssertRefused("does not fit into its storage of 2 numbers");
    }

    [Theory]
    [InlineData(-1, new long[] { 1 }, new long[] { 1 })]
    [InlineData(0, new long[] { -1 }, new long[] { 1 })]
    [InlineData(0, new long[] { 2 }, new long[] { -1 })]
    [InlineData(0, new long[] { 1L << 40 }, new long[] { 0 })]
    [InlineData(0, new long[] { 1 }, new long[] { 1, 1 })]
    [InlineData(0, new long[] { 1, 1, 1, 1, 1, 1, 1, 1, 1 }, new long[] { 1, 1, 1, 1, 1, 1, 1, 1, 1 })]
    public void An_impossible_shape_is_refused(long offset, long[] shape, long[] strides)
    {
        PthWriter.Write(_path, [Tensor("embedding.weight", "FloatStorage", Bytes(1, 2), 2, offset, shape, strides)], []);
        AssertRefused("an invalid shape or strides");
    }

    [Fact]
    public void A_small_file_cannot_claim_large_tensors()
    {
        PthWriter.Write(_path, [Tensor("embedding.weight", "FloatStorage", Bytes(1), 1, 0, [1_000_000_000], [0])], []);
        AssertRefused("its tensors claim 1,000,000,000 numbers in a file of ");
    }

    [Fact]
    public void Compressed_storages_are_refused_as_they_might_grow_without_end()
    {
        byte[] pickle = new PickleWriter().Raw(0x80, 2).StateDictionary([Tensor("embedding.weight", "FloatStorage", [], 1 << 20, 0, [1 << 20], [1])]).Raw('.').ToArray();
        PthWriter.WriteArchive(_path, pickle, [("0", new byte[4 << 20])], level: CompressionLevel.SmallestSize);
        AssertRefused("is not stored as PyTorch does");
    }

    [Fact]
    public void Missing_storages_and_those_of_another_size_are_refused()
    {
        PthWriter.Write(_path, [Tensor("embedding.weight", "FloatStorage", Bytes(1, 2), 3, 0, [1], [1])], []);
        AssertRefused("its storage '0' of 3 F32 needs 12 bytes, has 8");

        PthWriter.WriteArchive(_path, new PickleWriter().Raw(0x80, 2).StateDictionary([Tensor("embedding.weight", "FloatStorage", [], 1, 0, [1], [1])]).Raw('.').ToArray(), []);
        AssertRefused("its archive lacks 'data/0'");
    }

    [Fact]
    public void The_format_before_PyTorch_1_6_is_refused_with_the_remedy()
    {
        File.WriteAllBytes(_path, Convert.FromHexString("80028a0a6cfc9c46f9206aa850192e80024de9032e"));
        AssertRefused("has the format of PyTorch before 1.6, which is not supported. Load it in PyTorch and save it again with torch.save(model.state_dict(), path).");
    }

    [Theory]
    [InlineData("")]
    [InlineData("504B")]
    [InlineData("504B0304")]
    [InlineData("6E6F207765696768747320617420616C6C2C206A757374207465787400")]
    public void Other_files_are_refused(string hex)
    {
        File.WriteAllBytes(_path, Convert.FromHexString(hex));
        AssertRefused("is not a readable ");
    }

    private static PthTensor Tensor(string name, string type, byte[] storage, long count, long offset, long[] shape, long[] strides) =>
        new(name, type, "0", storage, count, offset, shape, strides);

    private static byte[] Bytes(params float[] values) => MemoryMarshal.AsBytes(values.AsSpan()).ToArray();

    private IReadOnlyDictionary<string, NamedTensor> Read() => PretrainedWeights.Read(_path, "embedding.weight").Tensors;

    private void AssertStored(string type, string hex, params float[] expected)
    {
        byte[] storage = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
        PthWriter.Write(_path, [Tensor("embedding.weight", type, storage, expected.Length, 0, [expected.Length], [1])], []);
        Assert.Equal(expected, Read()["embedding.weight"].Values);
    }

    private void AssertRefused(string reason)
    {
        InvalidDataException e = Assert.Throws<InvalidDataException>(() => Read());
        Assert.StartsWith(_path, e.Message, StringComparison.Ordinal);
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }
}

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
