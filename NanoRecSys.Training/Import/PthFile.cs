using System.IO.Compression;
using System.Text;
using NanoRecSys.Training.Export;

namespace NanoRecSys.Training.Import;

/// <summary>
/// A <c>.pth</c> file as PyTorch 1.6 and later write it: a zip archive with <c>data.pkl</c>, a pickle that
/// describes the tensors, and their numbers in <c>data/0</c>, <c>data/1</c>, ... Nothing in the file is executed, and
/// what is read is no larger than the file.
/// </summary>
internal sealed class PthFile : IDisposable
{
    private const string PickleName = "data.pkl";

    /// <summary>Of a state dictionary it has some kilobytes, of a whole checkpoint a few megabytes.</summary>
    private const long LongestPickle = 16 << 20;

    // A file of bytes, each of which several tensors show: more is no model any more.
    private const long NumbersPerByte = 4;
    private const long FreeNumbers = 1 << 20;

    private readonly long _length;
    private readonly ZipArchive _archive;
    private readonly Dictionary<string, ZipArchiveEntry> _entries = [];
    private readonly string _root;
    private readonly bool _isBigEndian;
    private long _bytesRead;

    /// <param name="file">Seekable; owned by the caller.</param>
    /// <exception cref="InvalidDataException">Not such a file.</exception>
    public PthFile(Stream file)
    {
        _length = file.Length;
        _archive = new ZipArchive(file, ZipArchiveMode.Read, leaveOpen: true);
        foreach (ZipArchiveEntry entry in _archive.Entries)
        {
            if (!_entries.TryAdd(entry.FullName, entry))
            {
                throw new InvalidDataException($"its archive holds {PrintableName.Of(entry.FullName)} twice.");
            }
        }

        string[] pickles = [.. _entries.Keys.Where(name => name == PickleName || name.EndsWith("/" + PickleName, StringComparison.Ordinal))];
        _root = pickles is [var only] ? only[..^PickleName.Length] : throw new InvalidDataException($"its archive holds {pickles.Length} files {PickleName}, one is needed.");
        if (_entries.ContainsKey(_root + "constants.pkl"))
        {
            throw new InvalidDataException("it is a TorchScript program. Save the weights alone with torch.save(model.state_dict(), path).");
        }

        _isBigEndian = _entries.ContainsKey(_root + "byteorder") && Encoding.ASCII.GetString(Read("byteorder", 16)).Trim() == "big";
    }

    /// <summary>What the pickle holds; tensors in it are <see cref="TensorView"/>.</summary>
    public object? ReadPickle() => new PickleMachine(Read(PickleName, LongestPickle)).Run();

    /// <summary>The numbers of the tensors; storages that several of them show are read once.</summary>
    public IReadOnlyDictionary<string, NamedTensor> ReadTensors(IReadOnlyDictionary<string, TensorView> views)
    {
        long numbers = views.Values.Sum(view => (long)view.Count);
        if (numbers > NumbersPerByte * _length + FreeNumbers)
        {
            throw new InvalidDataException($"its tensors claim {numbers:N0} numbers in a file of {_length:N0} bytes.");
        }

        var tensors = new Dictionary<string, NamedTensor>(views.Count);
        foreach (IGrouping<StorageReference, KeyValuePair<string, TensorView>> group in views.GroupBy(view => view.Value.Storage))
        {
            float[] storage = ReadStorage(group.Key);
            foreach ((string name, TensorView view) in group)
            {
                tensors.Add(name, new NamedTensor(name, view.Shape, view.Gather(storage)));
            }
        }

        return tensors;
    }

    public void Dispose() => _archive.Dispose();

    private float[] ReadStorage(StorageReference storage)
    {
        byte[] bytes = Read("data/" + storage.Key, int.MaxValue);
        if (bytes.Length != storage.Bytes)
        {
            throw new InvalidDataException($"its storage {PrintableName.Of(storage.Key)} of {storage.Count} {storage.Type} needs {storage.Bytes} bytes, has {bytes.Length}.");
        }

        if (_isBigEndian)
        {
            int width = StoredNumbers.WidthOf(storage.Type);
            for (int start = 0; start < bytes.Length; start += width)
            {
                bytes.AsSpan(start, width).Reverse();
            }
        }

        return StoredNumbers.ToFloat32(bytes, storage.Type);
    }

    private byte[] Read(string name, long longest)
    {
        if (!_entries.TryGetValue(_root + name, out ZipArchiveEntry? entry))
        {
            throw new InvalidDataException($"its archive lacks {PrintableName.Of(name)}.");
        }

        // PyTorch compresses nothing; so nothing can grow beyond the file here, and the same bytes cannot be read without end.
        _bytesRead += entry.Length;
        if (entry.IsEncrypted || entry.CompressedLength != entry.Length || entry.Length > longest || _bytesRead > _length)
        {
            throw new InvalidDataException($"its entry {PrintableName.Of(name)} of {entry.Length:N0} bytes ({entry.CompressedLength:N0} in the archive) is not stored as PyTorch does.");
        }

        byte[] bytes = new byte[entry.Length];
        using Stream content = entry.Open();
        content.ReadExactly(bytes);
        return bytes;
    }
}
