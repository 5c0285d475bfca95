using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;

namespace NanoRecSys.UnitTests.Fixtures;

/// <summary>A tensor as a <c>.pth</c> file stores it.</summary>
/// <param name="StorageType"><c>FloatStorage</c>, ...</param>
/// <param name="Key">Key of the storage, which two tensors may share.</param>
/// <param name="Storage">The storage's bytes.</param>
internal sealed record PthTensor(string Name, string StorageType, string Key, byte[] Storage, long Count, long Offset, long[] Shape, long[] Strides);

/// <summary>Writes <c>.pth</c> files, as PyTorch does and as an attacker might.</summary>
internal static class PthWriter
{
    /// <summary>A float32 state dictionary, as <c>torch.save(model.state_dict(), path)</c> writes it.</summary>
    public static void Write(string path, IEnumerable<NamedTensor> tensors)
    {
        PthTensor[] all = [.. tensors.Select((tensor, i) => new PthTensor(
            tensor.Name, "FloatStorage", $"{i}", MemoryMarshal.AsBytes(tensor.Values.AsSpan()).ToArray(), tensor.Values.Length, 0, tensor.Shape, Contiguous(tensor.Shape)))];
        Write(path, all, []);
    }

    /// <param name="nesting">Keys of the checkpoint's enclosing dictionaries, outermost first.</param>
    /// <param name="byteOrder">The byte order that the file declares for its storages.</param>
    public static void Write(string path, IReadOnlyList<PthTensor> tensors, string[] nesting, string byteOrder = "little")
    {
        PickleWriter pickle = new PickleWriter().Raw(0x80, 2);
        foreach (string key in nesting)
        {
            pickle.Raw('}').Text("epoch").Integer(3).Raw('s').Text(key);
        }

        pickle.StateDictionary(tensors);
        foreach (string _ in nesting)
        {
            pickle.Raw('s');
        }

        WriteArchive(path, pickle.Raw('.').ToArray(), tensors.DistinctBy(tensor => tensor.Key).Select(tensor => (tensor.Key, tensor.Storage)), byteOrder);
    }

    public static void WriteArchive(string path, byte[] pickle, IEnumerable<(string Key, byte[] Bytes)> storages, string byteOrder = "little", CompressionLevel level = CompressionLevel.NoCompression)
    {
        using FileStream file = File.Create(path);
        using var archive = new ZipArchive(file, ZipArchiveMode.Create);
        Add("data.pkl", pickle);
        Add("byteorder", Encoding.ASCII.GetBytes(byteOrder));
        foreach ((string key, byte[] bytes) in storages)
        {
            Add($"data/{key}", bytes);
        }

        void Add(string name, byte[] bytes)
        {
            using Stream entry = archive.CreateEntry($"weights/{name}", level).Open();
            entry.Write(bytes);
        }
    }

    public static long[] Contiguous(long[] shape)
    {
        var strides = new long[shape.Length];
        long step = 1;
        for (int d = shape.Length - 1; d >= 0; d--)
        {
            strides[d] = step;
            step *= shape[d];
        }

        return strides;
    }
}

/// <summary>Builds a pickle instruction by instruction.</summary>
internal sealed class PickleWriter
{
    private readonly List<byte> _bytes = [];

    public PickleWriter Raw(params ReadOnlySpan<int> bytes)
    {
        foreach (int value in bytes)
        {
            _bytes.Add((byte)value);
        }

        return this;
    }

    public PickleWriter Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        Raw('X');
        _bytes.AddRange([.. BitConverter.GetBytes(utf8.Length), .. utf8]);
        return this;
    }

    public PickleWriter Integer(long value)
    {
        Raw(0x8a, sizeof(long));
        _bytes.AddRange(BitConverter.GetBytes(value));
        return this;
    }

    public PickleWriter Global(string module, string name)
    {
        Raw('c');
        _bytes.AddRange(Encoding.UTF8.GetBytes($"{module}\n{name}\n"));
        return this;
    }

    public PickleWriter Tuple(params long[] values)
    {
        Raw('(');
        foreach (long value in values)
        {
            Integer(value);
        }

        return Raw('t');
    }

    public PickleWriter Storage(string type, string key, long count) =>
        Raw('(').Text("storage").Global("torch", type).Text(key).Text("cpu").Integer(count).Raw('t', 'Q');

    public PickleWriter StateDictionary(IReadOnlyList<PthTensor> tensors)
    {
        Global("collections", "OrderedDict").Raw(')', 'R', '(');
        foreach (PthTensor tensor in tensors)
        {
            Text(tensor.Name).Tensor(tensor);
        }

        // PyTorch attaches the modules' versions to the dictionary.
        return Raw('u', '}').Text("_metadata").Raw('}', 's', 'b');
    }

    public PickleWriter Tensor(PthTensor tensor) =>
        Global("torch._utils", "_rebuild_tensor_v2").Raw('(')
            .Storage(tensor.StorageType, tensor.Key, tensor.Count).Integer(tensor.Offset).Tuple(tensor.Shape).Tuple(tensor.Strides)
            .Raw(0x89).Global("collections", "OrderedDict").Raw(')', 'R', 't', 'R');

    public byte[] ToArray() => [.. _bytes];
}
