using NanoRecSys.Training.Export;

namespace NanoRecSys.Training.Import;

/// <summary>A network's weights out of somebody's file, by the names of our own networks.</summary>
/// <param name="Path">The file.</param>
/// <param name="Tensors">By name, without what stood around the network: see <paramref name="Notes"/>.</param>
/// <param name="Metadata">What the header of a safetensors file says beside the tensors.</param>
/// <param name="Notes">One sentence for each dictionary or prefix that was looked into.</param>
internal sealed record PretrainedWeights(
    string Path, IReadOnlyDictionary<string, NamedTensor> Tensors, IReadOnlyDictionary<string, string> Metadata, IReadOnlyList<string> Notes)
{
    private static ReadOnlySpan<byte> ZipStart => "PK"u8;

    // How pickles of PyTorch before 1.6 begin: protocol 2 and a number of its own.
    private static ReadOnlySpan<byte> LegacyStart => [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

    /// <param name="path">A <c>.pth</c> or <c>.safetensors</c> file; its content tells which.</param>
    /// <param name="landmarks">Names that the network has for certain, to find it by inside of a larger checkpoint.</param>
    /// <exception cref="InvalidDataException">Not a whole file of either kind, or one that asks for more than tensors.</exception>
    public static PretrainedWeights Read(string path, params string[] landmarks)
    {
        using FileStream file = File.OpenRead(path);
        Span<byte> start = stackalloc byte[LegacyStart.Length];
        start = start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        if (start.SequenceEqual(LegacyStart))
        {
            throw new InvalidDataException($"{path} is of PyTorch's format before 1.6, which is not read. Load it there and save it again with torch.save(model.state_dict(), path).");
        }

        return start.StartsWith(ZipStart)
            ? ReadPth(path, file, landmarks)
            : WithoutPrefix(path, SafetensorsFile.Read(path), SafetensorsFile.ReadMetadata(path), [], landmarks);
    }

    private static PretrainedWeights ReadPth(string path, FileStream file, string[] landmarks)
    {
        try
        {
            file.Position = 0;
            using var archive = new PthFile(file);
            var notes = new List<string>();
            IReadOnlyDictionary<string, TensorView> views = StateDictionary.Find(archive.ReadPickle(), landmarks, notes);
            return WithoutPrefix(path, archive.ReadTensors(views), new Dictionary<string, string>(), notes, landmarks);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or ArgumentException or NotSupportedException or OverflowException)
        {
            // The zip reader has several ways to say that an archive makes no sense.
            throw new InvalidDataException($"{path} is not a PyTorch file that can be read: {e.Message}", e);
        }
    }

    private static PretrainedWeights WithoutPrefix(
        string path, IReadOnlyDictionary<string, NamedTensor> tensors, IReadOnlyDictionary<string, string> metadata, List<string> notes, string[] landmarks)
    {
        string prefix = StateDictionary.PrefixOf(tensors.Keys, landmarks);
        if (prefix.Length > 0)
        {
            notes.Add($"The names in {System.IO.Path.GetFileName(path)} were read without their prefix {PrintableName.Of(prefix)}.");
        }

        var named = new Dictionary<string, NamedTensor>(tensors.Count);
        foreach (NamedTensor tensor in tensors.Values)
        {
            string name = tensor.Name.StartsWith(prefix, StringComparison.Ordinal) ? tensor.Name[prefix.Length..] : tensor.Name;
            if (!named.TryAdd(name, tensor with { Name = name }))
            {
                throw new InvalidDataException($"{path} holds both {PrintableName.Of(name)} and {PrintableName.Of(prefix + name)}.");
            }
        }

        return new PretrainedWeights(path, named, metadata, notes);
    }
}
