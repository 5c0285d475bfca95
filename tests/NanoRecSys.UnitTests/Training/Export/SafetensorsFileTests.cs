using System.Buffers.Binary;
using System.Text;

namespace NanoRecSys.UnitTests.Training.Export;

public sealed class SafetensorsFileTests : FolderTests
{
    [Fact]
    public void What_was_written_is_read_back()
    {
        string path = Folder.File("weights.safetensors");
        SafetensorsFile.Write(path,
        [
            new NamedTensor("embedding.weight", [2, 3], [1, 2, 3, 4, 5, -6.5f]),
            new NamedTensor("scale", [], [0.25f]),
            new NamedTensor("none", [0, 3], []),
        ]);

        IReadOnlyDictionary<string, NamedTensor> tensors = SafetensorsFile.Read(path);

        Assert.Equal(["embedding.weight", "none", "scale"], tensors.Keys.Order(StringComparer.Ordinal));
        Assert.Equal([2, 3], tensors["embedding.weight"].Shape);
        Assert.Equal([1, 2, 3, 4, 5, -6.5f], tensors["embedding.weight"].Values);
        Assert.Empty(tensors["scale"].Shape);
        Assert.Equal([0.25f], tensors["scale"].Values);
        Assert.Empty(tensors["none"].Values);
    }

    [Fact]
    public void Values_start_at_a_multiple_of_eight_bytes()
    {
        string path = Folder.File("weights.safetensors");
        SafetensorsFile.Write(path, [new NamedTensor("a", [1], [1])]);
        byte[] bytes = File.ReadAllBytes(path);
        Assert.Equal(0, BinaryPrimitives.ReadInt64LittleEndian(bytes) % 8);
    }

    [Fact]
    public void A_tensor_whose_shape_contradicts_its_values_is_not_written()
    {
        string path = Folder.File("weights.safetensors");
        var wrong = new NamedTensor("a", [2, 2], [1, 2, 3]);
        Assert.Refused<ArgumentException>(() => SafetensorsFile.Write(path, [wrong]), "needs 4 values, has 3");
        Assert.False(File.Exists(path));
    }

    [Theory]
    [InlineData("F16", "00 3C 00 C0", 1f, -2f)]
    [InlineData("BF16", "80 3F 00 C0", 1f, -2f)]
    [InlineData("F64", "00 00 00 00 00 00 F0 3F 00 00 00 00 00 00 00 C0", 1f, -2f)]
    [InlineData("I64", "07 00 00 00 00 00 00 00 FF FF FF FF FF FF FF FF", 7f, -1f)]
    public void Other_number_types_become_float32(string type, string hex, float first, float second)
    {
        byte[] data = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
        string path = WriteRaw($$$"""{"a":{"dtype":"{{{type}}}","shape":[2],"data_offsets":[0,{{{data.Length}}}]},"__metadata__":{"format":"pt"}}""", data);
        Assert.Equal([first, second], SafetensorsFile.Read(path)["a"].Values);
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", "needs 8 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}}""", "invalid shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2147483647,2147483647,2147483647],"data_offsets":[0,4]}}""", "invalid shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", "invalid shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "begins at byte 4, expected 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}""", "invalid byte range -4..0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}""", "needs dtype, shape and data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1]}}""", "needs dtype, shape and data_offsets")]
    [InlineData("""{"a":{"dtype":"Q4","shape":[1],"data_offsets":[0,4]}}""", "type 'Q4'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "end at byte 8 of the data, which has 4")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "'b' begins at byte 0, expected 4")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "")]
    [InlineData("[]", "not a JSON object")]
    [InlineData("{\"a\"", "")]
    public void A_header_that_contradicts_the_data_is_refused(string header, string reason)
    {
        string path = WriteRaw(header, new byte[4]);
        Assert.Refused<InvalidDataException>(() => SafetensorsFile.Read(path), path, reason);
    }

    [Theory]
    [InlineData("")]
    [InlineData("01 02 03")]
    [InlineData("FF FF FF FF FF FF FF 7F")]
    [InlineData("FF FF FF FF FF FF FF FF")]
    [InlineData("00 E1 F5 05 00 00 00 00 7B 7D")]
    public void A_file_shorter_than_its_header_is_refused(string hex)
    {
        string path = Folder.File("bad.safetensors");
        File.WriteAllBytes(path, Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)));
        Assert.Throws<InvalidDataException>(() => SafetensorsFile.Read(path));
    }

    private string WriteRaw(string header, byte[] data)
    {
        string path = Folder.File("raw.safetensors");
        byte[] text = Encoding.UTF8.GetBytes(header);
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((long)text.Length), .. text, .. data]);
        return path;
    }
}
