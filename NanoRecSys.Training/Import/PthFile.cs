using System.IO.Compression;

namespace NanoRecSys.Training.Import;

/// <summary>A <c>.pth</c> file as PyTorch 1.6 and later write it: a zip archive with <c>data.pkl</c>, a pickle that describes the tensors, and their
/// numbers in <c>data/0</c>, <c>data/1</c>, ... Nothing in the file is executed, and reads are bounded by its size.</summary>
internal sealed class PthFile : IDisposable
{
    private const string PickleName = "data.pkl";

    /// <summary>A state dictionary has some kilobytes, a whole checkpoint a few megabytes.</summary>
    private const long LongestPickle = 16 << 20;

    // Allows for one-byte types, and for tensors that share storage; a file with more is not a model.
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
            InvalidDataException.ThrowIf(!_entries.TryAdd(entry.FullName, entry), $"its archive contains {PrintableName.Of(entry.FullName)} twice.");
        }

        string[] pickles = [.. _entries.Keys.Where(name => name == PickleName || name.EndsWith("/" + PickleName, StringComparison.Ordinal))];
        _root = pickles is [var only] ? only[..^PickleName.Length] : throw new InvalidDataException($"its archive contains {pickles.Length} files {PickleName} instead of one.");
        InvalidDataException.ThrowIf(_entries.ContainsKey(_root + "constants.pkl"),
            $"it is a TorchScript program. Save the weights alone with torch.save(model.state_dict(), path).");

        _isBigEndian = _entries.ContainsKey(_root + "byteorder") && Encoding.ASCII.GetString(Read("byteorder", 16)).Trim() == "big";
    }

    public object? ReadPickle() => new PickleMachine(Read(PickleName, LongestPickle)).Run();

    /// <summary>The numbers of the tensors; shared storages are read once.</summary>
    public IReadOnlyDictionary<string, NamedTensor> ReadTensors(IReadOnlyDictionary<string, TensorView> views)
    {
        long numbers = views.Values.Sum(view => (long)view.Count);
        InvalidDataException.ThrowIf(numbers > NumbersPerByte * _length + FreeNumbers, $"its tensors claim {numbers:N0} numbers in a file of {_length:N0} bytes.");

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
        InvalidDataException.ThrowIf(bytes.Length != storage.Bytes,
            $"its storage {PrintableName.Of(storage.Key)} of {storage.Count} {storage.Type} needs {storage.Bytes} bytes, has {bytes.Length}.");

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
        InvalidDataException.ThrowIf(!_entries.TryGetValue(_root + name, out ZipArchiveEntry? entry), $"its archive lacks {PrintableName.Of(name)}.");

        // PyTorch compresses nothing; so nothing can expand beyond the file's size.
        _bytesRead += entry.Length;
        InvalidDataException.ThrowIf(entry.IsEncrypted || entry.CompressedLength != entry.Length || entry.Length > longest || _bytesRead > _length,
            $"its entry {PrintableName.Of(name)} of {entry.Length:N0} bytes ({entry.CompressedLength:N0} in the archive) is not stored as PyTorch does.");

        byte[] bytes = new byte[entry.Length];
        using Stream content = entry.Open();
        content.ReadExactly(bytes);
        return bytes;
    }
}

/// <summary>A block of numbers outside the pickle, viewed by one or more tensors.</summary>
/// <param name="Key">Name of its entry in the archive's <c>data</c> folder.</param>
internal sealed record StorageReference(StoredNumber Type, string Key, long Count)
{
    public long Bytes => Count * StoredNumbers.WidthOf(Type);

    /// <exception cref="InvalidDataException">Anything else.</exception>
    public static StorageReference Parse(object? id) =>
        id is object?[] and ["storage", StoredNumber type, string key, string, long count and >= 0 and <= int.MaxValue]
            ? new StorageReference(type, key, count)
            : throw new InvalidDataException("it refers to data in a way that PyTorch does not use.");
}

/// <summary>A tensor as a pickle describes it: which numbers of a storage it views, and in which order.</summary>
/// <param name="Strides">Distance, in numbers, to the next index of each dimension.</param>
internal sealed record TensorView(StorageReference Storage, long Offset, long[] Shape, long[] Strides, int Count)
{
    private const int MostDimensions = 8;

    /// <exception cref="InvalidDataException">It would view numbers outside its storage.</exception>
    public static TensorView Rebuild(object?[] arguments)
    {
        if (arguments is not [StorageReference storage, long offset, object?[] shape, object?[] strides, ..]
            || shape.Length != strides.Length || shape.Length > MostDimensions
            || !shape.Concat(strides).All(number => number is long and >= 0 and <= int.MaxValue) || offset < 0)
        {
            throw new InvalidDataException("a tensor in it has an invalid shape or strides.");
        }

        long[] sizes = [.. shape.Cast<long>()];
        long[] steps = [.. strides.Cast<long>()];

        // In 128 bits: eight sizes could overflow 64 bits and still match.
        UInt128 count = 1;
        UInt128 last = (UInt128)offset;
        for (int i = 0; i < sizes.Length; i++)
        {
            count = count > int.MaxValue ? count : count * (UInt128)sizes[i];
            last += (UInt128)Math.Max(0, sizes[i] - 1) * (UInt128)steps[i];
        }

        bool isEmpty = sizes.Contains(0);
        return isEmpty || (count <= int.MaxValue && last < (UInt128)storage.Count)
            ? new TensorView(storage, offset, sizes, steps, isEmpty ? 0 : (int)count)
            : throw new InvalidDataException(
                $"a tensor [{string.Join(", ", sizes)}] with strides ({string.Join(", ", steps)}) and offset {offset} does not fit into its storage of {storage.Count} numbers.");
    }

    public float[] Gather(ReadOnlySpan<float> storage)
    {
        var values = new float[Count];
        Span<long> index = stackalloc long[Shape.Length];
        long position = Offset;
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = storage[(int)position];

            // Like an odometer: the last dimension advances, and the one before it on overflow.
            for (int d = Shape.Length - 1; d >= 0; d--)
            {
                position += Strides[d];
                if (++index[d] < Shape[d])
                {
                    break;
                }

                position -= Shape[d] * Strides[d];
                index[d] = 0;
            }
        }

        return values;
    }
}

/// <summary>Finds a network's tensors in a saved file: alone, inside a checkpoint, or wrapped by another module.</summary>
internal static class StateDictionary
{
    private const int DeepestNesting = 4;

    /// <summary>Usual keys of checkpoints, most specific first.</summary>
    private static readonly string[] UsualKeys = ["state_dict", "model_state_dict", "model", "user_tower", "ranker", "module", "weights"];

    /// <exception cref="InvalidDataException">Not a dictionary of tensors.</exception>
    public static IReadOnlyDictionary<string, TensorView> Find(object? saved, string[] landmarks, List<string> notes)
    {
        if (saved is not Dictionary<string, object?> dictionary)
        {
            throw new InvalidDataException($"it contains {NameOf(saved)}, not a state dictionary. Save it in PyTorch with torch.save(model.state_dict(), path).");
        }

        for (int depth = 0; depth < DeepestNesting && !HoldsOne(dictionary, landmarks[0]); depth++)
        {
            if (Inner(dictionary) is not (string key, Dictionary<string, object?> inner))
            {
                break;
            }

            notes.Add($"The weights were taken from {PrintableName.Of(key)} of the checkpoint.");
            dictionary = inner;
        }

        Dictionary<string, TensorView> tensors = dictionary
            .Where(entry => entry.Value is TensorView)
            .ToDictionary(entry => entry.Key, entry => (TensorView)entry.Value!);
        return tensors.Count > 0
            ? tensors
            : throw new InvalidDataException($"it contains no tensors; its keys are {string.Join(", ", dictionary.Keys.Take(10).Select(PrintableName.Of))}.");
    }

    /// <summary>The prefix of the network's own names, such as <c>module.</c> or <c>user_tower.</c>; empty if there is none, or if several
    /// networks in the file could be meant. Members of one training share a prefix.</summary>
    public static string PrefixOf(IEnumerable<string> names, string[] landmarks)
    {
        HashSet<string> all = [.. names];
        string[] prefixes = [.. all
            .Where(name => IsNamed(name, landmarks[0]))
            .Select(name => name[..^landmarks[0].Length])
            .Where(prefix => landmarks.All(landmark => all.Contains(prefix + landmark)))
            .Select(prefix => MemberWeights.Name().Replace(prefix, "")).Distinct()];
        return prefixes is [var only] ? only : "";
    }

    private static (string Key, Dictionary<string, object?> Inner)? Inner(Dictionary<string, object?> dictionary)
    {
        string? key = UsualKeys.FirstOrDefault(key => dictionary.GetValueOrDefault(key) is Dictionary<string, object?>);
        string[] others = key is not null ? [key] : [.. dictionary.Where(entry => entry.Value is Dictionary<string, object?>).Select(entry => entry.Key)];
        return others is [var only] ? (only, (Dictionary<string, object?>)dictionary[only]!) : null;
    }

    private static bool HoldsOne(Dictionary<string, object?> dictionary, string landmark) =>
        dictionary.Any(entry => entry.Value is TensorView && IsNamed(entry.Key, landmark));

    private static bool IsNamed(string name, string landmark) => name == landmark || name.EndsWith("." + landmark, StringComparison.Ordinal);

    private static string NameOf(object? saved) => saved switch
    {
        TensorView => "a single tensor",
        List<object?> => "a list",
        object?[] => "a tuple",
        _ => "something else",
    };
}
