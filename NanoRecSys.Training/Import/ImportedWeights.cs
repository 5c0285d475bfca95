using System.Text.RegularExpressions;

namespace NanoRecSys.Training.Import;

/// <summary>A user tower from elsewhere, fully checked; or several of one training, concatenated.</summary>
/// <param name="Tensors">Its state dictionary, in the order of the layers.</param>
internal sealed record ImportedTower(ModelInfo Model, IReadOnlyList<NamedTensor> Tensors, IReadOnlyList<string> Notes)
{
    /// <summary>The manifest's name for an unknown loss.</summary>
    private const string UnknownLoss = "imported";
    private const double ReferenceTemperature = 0.05;

    /// <exception cref="InvalidDataException">The file cannot be read, or does not contain such a network.</exception>
    public static ImportedTower Read(string path, ImportOptions options)
    {
        PretrainedWeights weights = PretrainedWeights.Read(path, UserTowerLayout.Landmarks);
        RequireReference(weights);
        ImportedTower[] members = [.. weights.OfMembers().Select(member => Of(member, options))];
        InvalidDataException.ThrowIf(members.Any(member => member.Model != members[0].Model), $"{path} contains networks of different configurations.");
        return members is [var single]
            ? single
            : new ImportedTower(members[0].Model with { Members = members.Length }, [.. MemberWeights.Join([.. members.Select(member => member.Tensors)])], members[0].Notes);
    }

    private static ImportedTower Of(PretrainedWeights weights, ImportOptions options)
    {
        UserTowerLayout layout = UserTowerLayout.Of(weights);
        float[]? frequencies = weights.Tensors.GetValueOrDefault(UserTowerLayout.RotaryName)?.Values;
        List<string> notes = [.. weights.Notes];
        var model = new ModelInfo(
            BlockKinds.Transformer, layout.Dimension, layout.Blocks, HeadsOf(layout, weights, frequencies, options), layout.FeedForward,
            MaxLengthOf(weights, options, notes), layout.Items, RopeBaseOf(weights, frequencies, options, notes), Dropout: 0, UnknownLoss, ReferenceTemperature);
        return new ImportedTower(model, layout.Tensors, notes);
    }

    // An export of this program names its architecture, which explains more than unexpected tensor names.
    private static void RequireReference(PretrainedWeights weights)
    {
        string kind = weights.Metadata.GetValueOrDefault(WeightsMetadata.Kind, BlockKinds.Transformer);
        string positions = weights.Metadata.GetValueOrDefault(WeightsMetadata.Positions, Positions.Rotary);
        UserErrorException.ThrowIf(kind != BlockKinds.Transformer || positions != Positions.Rotary,
            $"{weights.Path} contains {PrintableName.Of(kind)} blocks with {PrintableName.Of(positions)} positions. 'import' supports nanoRecSys' own architecture only: '{BlockKinds.Transformer}' with '{Positions.Rotary}'.");
    }

    private static int HeadsOf(UserTowerLayout layout, PretrainedWeights weights, float[]? frequencies, ImportOptions options)
    {
        int? stored = frequencies is { Length: > 0 } && layout.Dimension % (2 * frequencies.Length) == 0 ? layout.Dimension / (2 * frequencies.Length) : null;
        int heads = options.Heads ?? (int?)Number(weights, WeightsMetadata.Heads) ?? stored
            ?? throw new UserErrorException($"Set --heads: the weights in {weights.Path} do not determine the number of attention heads.");
        UserErrorException.ThrowIf(layout.Dimension % (2 * heads) != 0,
            $"--heads {heads} does not fit {weights.Path}: its dimension {layout.Dimension} is not a multiple of twice that, as the rotary embedding requires.");

        return frequencies is null || frequencies.Length == layout.Dimension / heads / 2
            ? heads
            : throw new UserErrorException(
                $"--heads {heads} does not fit {weights.Path}: {heads} heads of {layout.Dimension} dimensions have {layout.Dimension / heads / 2} rotary frequencies each, '{UserTowerLayout.RotaryName}' has {frequencies.Length}{(stored is null ? "" : $" (that is {stored} heads)")}.");
    }

    private static int MaxLengthOf(PretrainedWeights weights, ImportOptions options, List<string> notes)
    {
        if ((options.MaxLength ?? Number(weights, WeightsMetadata.MaxLength)) is { } length)
        {
            return (int)length;
        }

        notes.Add($"The model reads the last {ImportOptions.DefaultMaxLength} items of a history; set --max-length to change that.");
        return ImportOptions.DefaultMaxLength;
    }

    private static double RopeBaseOf(PretrainedWeights weights, float[]? frequencies, ImportOptions options, List<string> notes)
    {
        double? stored = frequencies is null ? null : RotaryFrequencies.BaseOf(frequencies);
        double? wanted = options.RopeBase ?? Number(weights, WeightsMetadata.RopeBase);
        if (stored is { } written && wanted is { } other && Math.Abs(written - other) > 1e-3 * written)
        {
            throw new UserErrorException($"--rope-base {other} does not fit {weights.Path}: its '{UserTowerLayout.RotaryName}' has base {written}.");
        }

        if ((wanted ?? stored) is null)
        {
            notes.Add($"The rotary embedding is assumed to have base {ImportOptions.DefaultRopeBase}; set --rope-base if it does not.");
        }

        return wanted ?? stored ?? ImportOptions.DefaultRopeBase;
    }

    /// <summary>A number in the header of a file that this program exported.</summary>
    private static double? Number(PretrainedWeights weights, string key) =>
        weights.Metadata.TryGetValue(key, out string? text) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && number is >= 1 and <= 1e6 ? number : null;
}

/// <summary>A ranker from elsewhere, fully checked; its genres are named when the data is known.</summary>
/// <param name="Genres">Names of the category rows, if given.</param>
internal sealed record ImportedRanker(RankerLayout Layout, IReadOnlyList<string>? Genres, IReadOnlyList<string> Notes)
{
    /// <param name="genresPath">File with the names of the genre rows, one per line; null if the data names them.</param>
    /// <exception cref="InvalidDataException">A file cannot be read, or does not contain such a network.</exception>
    public static ImportedRanker Read(string path, int dimension, string? genresPath)
    {
        PretrainedWeights weights = PretrainedWeights.Read(path, RankerLayout.Landmarks);
        ItemLayout? items = ItemsOf(weights);
        RankerLayout layout = RankerLayout.Of(weights, dimension, items?.Numbers ?? [NumberLayout.Year]);
        IReadOnlyList<string>? genres = genresPath is not null ? [.. File.ReadLines(genresPath, Encoding.UTF8).Select(line => line.Trim()).Where(line => line.Length > 0)]
            : items?.Categories.Count > 0 ? items.Categories
            : weights.Metadata.TryGetValue(WeightsMetadata.Genres, out string? text) && text.Length > 0 ? text.Split('|')
            : null;
        if (genres is not null && (genres.Count != layout.Genres || genres.Distinct().Count() != genres.Count))
        {
            throw new UserErrorException($"{genresPath ?? path} names {genres.Distinct().Count()} different genres, the ranker has rows for {layout.Genres}.");
        }

        return new ImportedRanker(layout, genres, weights.Notes);
    }

    /// <summary>The item layout stored by an export of this program; null for other weights.</summary>
    private static ItemLayout? ItemsOf(PretrainedWeights weights)
    {
        try
        {
            return weights.Metadata.TryGetValue(WeightsMetadata.Items, out string? json) ? JsonSerializer.Deserialize(json, CoreJson.Default.ItemLayout) : null;
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{weights.Path} has a header whose '{WeightsMetadata.Items}' cannot be read: {e.Message}", e);
        }
    }

    public RankerModel NameGenres(IReadOnlyList<string> vocabulary, ICollection<string> notes)
    {
        UserErrorException.ThrowIf(Genres is null && vocabulary.Count > Layout.Genres,
            $"The ranker has rows for {Layout.Genres} genres, the data has {vocabulary.Count}. Set --genres to a file with the names of the rows.");

        if (Genres is null)
        {
            notes.Add($"The ranker's {Layout.Genres} genre rows are assumed to be the data's {vocabulary.Count} genres in alphabetical order"
                + (vocabulary.Count < Layout.Genres ? $", the last {Layout.Genres - vocabulary.Count} unused" : "") + "; set --genres if they are not.");
        }

        IEnumerable<string> unused = Enumerable.Range(vocabulary.Count, Math.Max(0, Layout.Genres - vocabulary.Count)).Select(row => $"(row {row})");

        // Weight 0 serves the logits that PyTorch computes.
        return new RankerModel(
            Layout.Dimension, Layout.Hidden, new ItemLayout(Genres ?? [.. vocabulary, .. unused], Layout.Numbers), Dropout: 0, RetrieverWeight: 0);
    }
}

/// <param name="Tensors">The state dictionary, in the order of the layers.</param>
internal sealed partial record UserTowerLayout(int Items, int Dimension, int Blocks, int FeedForward, IReadOnlyList<NamedTensor> Tensors)
{
    public const string RotaryName = "rope.inv_freq";

    /// <summary>Tensor names that identify a user tower.</summary>
    public static readonly string[] Landmarks = ["embedding.weight", "projection.weight"];

    [GeneratedRegex(@"^blocks\.(?<index>0|[1-9][0-9]{0,3})\.", RegexOptions.CultureInvariant)]
    private static partial Regex BlockName();

    /// <exception cref="InvalidDataException">Lists every tensor that is missing, of another shape, or unexpected.</exception>
    public static UserTowerLayout Of(PretrainedWeights weights)
    {
        IReadOnlyDictionary<string, NamedTensor> tensors = weights.Tensors;
        int blocks = Math.Max(1, tensors.Keys.Select(name => BlockName().Match(name)).Where(match => match.Success).Select(match => match.Groups["index"].Value).Distinct().Count());
        long? items = Size(tensors, "embedding.weight", 0);
        long? dimension = Size(tensors, "embedding.weight", 1) ?? Size(tensors, "norm.weight", 0) ?? Size(tensors, "projection.bias", 0);
        long? hidden = Size(tensors, "blocks.0.mlp.w_2.weight", 1);
        List<ExpectedTensor> expected = [new("embedding.weight", items, dimension)];
        for (int i = 0; i < blocks; i++)
        {
            expected.AddRange(
            [
                new($"blocks.{i}.norm1.weight", dimension),
                new($"blocks.{i}.attn.qkv_proj.weight", 3 * dimension, dimension),
                new($"blocks.{i}.attn.qkv_proj.bias", 3 * dimension),
                new($"blocks.{i}.attn.out_proj.weight", dimension, dimension),
                new($"blocks.{i}.attn.out_proj.bias", dimension),
                new($"blocks.{i}.norm2.weight", dimension),
                new($"blocks.{i}.mlp.w_gate_val.weight", 2 * hidden, dimension),
                new($"blocks.{i}.mlp.w_2.weight", dimension, hidden),
            ]);
        }

        expected.AddRange([new("norm.weight", dimension), new("projection.weight", dimension, dimension), new("projection.bias", dimension)]);
        IReadOnlyList<NamedTensor> found = ExpectedTensor.RequireAll("a user tower", weights, expected, name => name == RotaryName);
        return new UserTowerLayout((int)items!, (int)dimension!, blocks, (int)hidden!, found);
    }

    private static long? Size(IReadOnlyDictionary<string, NamedTensor> tensors, string name, int dimension) =>
        tensors.TryGetValue(name, out NamedTensor? tensor) && dimension < tensor.Shape.Length ? tensor.Shape[dimension] : null;
}

/// <param name="Numbers">The number attributes that it reads: in nanoRecSys' layout, only the year.</param>
/// <param name="Tensors">The state dictionary, in the order of the layers.</param>
internal sealed record RankerLayout(int Dimension, IReadOnlyList<int> Hidden, int Genres, IReadOnlyList<NumberLayout> Numbers, IReadOnlyList<NamedTensor> Tensors)
{
    /// <summary>Linear, batch norm, ReLU, dropout: a hidden layer's modules in the network's list.</summary>
    private const int ModulesPerLayer = 4;

    /// <summary>Tensor names that identify a ranker.</summary>
    public static readonly string[] Landmarks = ["genre_embeddings.weight", "output.weight"];

    /// <exception cref="InvalidDataException">Lists every tensor that is missing, of another shape, or unexpected.</exception>
    public static RankerLayout Of(PretrainedWeights weights, int dimension, IReadOnlyList<NumberLayout> numbers)
    {
        IReadOnlyDictionary<string, NamedTensor> tensors = weights.Tensors;
        long? genres = Rows(tensors, "genre_embeddings.weight");
        List<long?> hidden = [];
        while (hidden.Count == 0 || tensors.ContainsKey($"mlp.{ModulesPerLayer * hidden.Count}.weight"))
        {
            hidden.Add(Rows(tensors, $"mlp.{ModulesPerLayer * hidden.Count}.weight"));
        }

        List<ExpectedTensor> expected = [new("genre_embeddings.weight", genres, RankerNetwork.CategoryWidth)];
        int place = 0;
        foreach (NumberLayout number in numbers)
        {
            expected.Add(new(number.IsYear ? RankerWeights.YearTable : RankerWeights.NumberTable(place++), number.Buckets, RankerNetwork.NumberWidth));
        }

        // Popularity, numbers, categories and the flag of unknown items.
        long? width = 3L * dimension + 1 + numbers.Count * RankerNetwork.NumberWidth + RankerNetwork.CategoryWidth + 1;
        for (int layer = 0; layer < hidden.Count; layer++)
        {
            (string linear, string norm) = ($"mlp.{ModulesPerLayer * layer}", $"mlp.{ModulesPerLayer * layer + 1}");
            expected.AddRange(
            [
                new($"{linear}.weight", hidden[layer], width),
                new($"{linear}.bias", hidden[layer]),
                new($"{norm}.weight", hidden[layer]),
                new($"{norm}.bias", hidden[layer]),
                new($"{norm}.running_mean", hidden[layer]),
                new($"{norm}.running_var", hidden[layer]),
            ]);
            width = hidden[layer];
        }

        expected.AddRange([new("output.weight", 1, width), new("output.bias", 1)]);
        IReadOnlyList<NamedTensor> found = ExpectedTensor.RequireAll(
            $"a ranker of embeddings of {dimension} dimensions", weights, expected,
            name => name.StartsWith("mlp.", StringComparison.Ordinal) && name.EndsWith(".num_batches_tracked", StringComparison.Ordinal));
        return new RankerLayout(dimension, [.. hidden.Select(size => (int)size!)], (int)genres!, numbers, found);
    }

    private static long? Rows(IReadOnlyDictionary<string, NamedTensor> tensors, string name) =>
        tensors.TryGetValue(name, out NamedTensor? tensor) && tensor.Shape.Length == 2 ? tensor.Shape[0] : null;
}

/// <param name="Shape">Null if a size is unknown because another tensor is missing.</param>
internal sealed record ExpectedTensor(string Name, params long?[] Shape)
{
    private const int MostNamed = 200;

    /// <summary>Compares a state dictionary with a network's tensors, and reports all problems at once.</summary>
    /// <returns>The expected tensors, in their order.</returns>
    /// <exception cref="InvalidDataException">A tensor is missing, of another shape, not finite, or unexpected.</exception>
    public static IReadOnlyList<NamedTensor> RequireAll(string network, PretrainedWeights weights, IReadOnlyList<ExpectedTensor> expected, Func<string, bool> isIgnored)
    {
        HashSet<string> known = [.. expected.Select(tensor => tensor.Name)];
        List<string> missing = [];
        List<string> misshapen = [];
        List<string> infinite = [];
        foreach (ExpectedTensor tensor in expected)
        {
            if (!weights.Tensors.TryGetValue(tensor.Name, out NamedTensor? found))
            {
                missing.Add(PrintableName.Of(tensor.Name));
            }
            else if (!tensor.Fits(found.Shape))
            {
                misshapen.Add($"{PrintableName.Of(tensor.Name)} is [{string.Join(", ", found.Shape)}], expected [{string.Join(", ", tensor.Shape.Select(size => size?.ToString() ?? "?"))}]");
            }
            else if (!found.Values.All(float.IsFinite))
            {
                infinite.Add(PrintableName.Of(tensor.Name));
            }
        }

        List<string> unexpected = [.. weights.Tensors.Keys.Where(name => !known.Contains(name) && !isIgnored(name)).Order(StringComparer.Ordinal).Select(PrintableName.Of)];
        string[] problems = [.. Problem("missing: ", missing), .. Problem("of another shape: ", misshapen), .. Problem("not finite: ", infinite), .. Problem("unexpected: ", unexpected)];
        InvalidDataException.ThrowIf(problems.Length > 0, $"{weights.Path} is not {network} that can be imported: {string.Join("; ", problems)}.");
        return [.. expected.Select(tensor => weights.Tensors[tensor.Name])];
    }

    private static IEnumerable<string> Problem(string what, List<string> tensors) => tensors.Count == 0
        ? []
        : [what + string.Join(", ", tensors.Take(MostNamed)) + (tensors.Count > MostNamed ? $" and {tensors.Count - MostNamed} more" : "")];

    private bool Fits(long[] shape) => shape.Length == Shape.Length && shape.Zip(Shape).All(size => size.First > 0 && (size.Second ?? size.First) == size.First);
}

/// <summary>The buffer <c>rope.inv_freq</c> [d / 2] of heads of width d: base^(-2j / d). Not needed, but it determines the base and, by its length, the
/// number of heads, which no other weights show.</summary>
internal static class RotaryFrequencies
{
    // For float32, and for half-precision formats that a checkpoint may have been converted to.
    private const double FineTolerance = 2e-6;
    private const double CoarseTolerance = 4e-3;
    private const int FineDigits = 7;
    private const int CoarseDigits = 3;

    public static float[] Of(double ropeBase, int headWidth) =>
        [.. Enumerable.Range(0, headWidth / 2).Select(j => (float)Math.Pow(ropeBase, -2.0 * j / headWidth))];

    /// <summary>The base with the fewest digits that fits all frequencies; null if there is only one, which does not determine it.</summary>
    /// <exception cref="InvalidDataException">They are not powers of one base.</exception>
    public static double? BaseOf(float[] frequencies)
    {
        if (frequencies is [1])
        {
            return null;
        }

        int headWidth = 2 * frequencies.Length;
        double exact = Math.Pow(frequencies[^1], -(double)headWidth / (headWidth - 2));
        foreach ((double tolerance, int digits) in new[] { (FineTolerance, FineDigits), (CoarseTolerance, CoarseDigits) })
        {
            if (Enumerable.Range(1, digits).Select(kept => Round(exact, kept)).FirstOrDefault(rounded => Explains(rounded, tolerance)) is var found and > 0)
            {
                return found;
            }
        }

        throw new InvalidDataException("'rope.inv_freq' has frequencies other than the supported base^(-2j / d).");

        bool Explains(double ropeBase, double tolerance) =>
            ropeBase > 1 && frequencies.Zip(Of(ropeBase, headWidth)).All(pair => Math.Abs(pair.First - pair.Second) <= tolerance * pair.Second);
    }

    private static double Round(double value, int digits) => double.IsFinite(value)
        ? double.Parse(value.ToString($"E{digits - 1}", CultureInfo.InvariantCulture), NumberStyles.Float, CultureInfo.InvariantCulture)
        : double.NaN;
}

/// <summary>A network's weights from a file of unknown origin, by the names of this program's networks.</summary>
/// <param name="Tensors">By name, without wrapping dictionaries and prefixes: see <paramref name="Notes"/>.</param>
/// <param name="Metadata">Metadata in the header of a safetensors file.</param>
/// <param name="Notes">One sentence for each dictionary or prefix that was removed.</param>
internal sealed record PretrainedWeights(
    string Path, IReadOnlyDictionary<string, NamedTensor> Tensors, IReadOnlyDictionary<string, string> Metadata, IReadOnlyList<string> Notes)
{
    private static ReadOnlySpan<byte> ZipStart => "PK"u8;

    // The beginning of pickles before PyTorch 1.6: protocol 2 and a magic number.
    private static ReadOnlySpan<byte> LegacyStart => [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

    /// <exception cref="InvalidDataException">Not a complete file of either kind, or one with more than tensors.</exception>
    public static PretrainedWeights Read(string path, params string[] landmarks)
    {
        using FileStream file = File.OpenRead(path);
        Span<byte> start = stackalloc byte[LegacyStart.Length];
        start = start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        InvalidDataException.ThrowIf(start.SequenceEqual(LegacyStart),
            $"{path} has the format of PyTorch before 1.6, which is not supported. Load it in PyTorch and save it again with torch.save(model.state_dict(), path).");

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
            // The zip reader throws several exceptions for an invalid archive.
            throw new InvalidDataException($"{path} is not a readable PyTorch file: {e.Message}", e);
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
            InvalidDataException.ThrowIf(!named.TryAdd(name, tensor with { Name = name }),
                $"{path} contains both {PrintableName.Of(name)} and {PrintableName.Of(prefix + name)}.");
        }

        return new PretrainedWeights(path, named, metadata, notes);
    }

    /// <summary>The weights of each network of a training with <c>--members</c>; otherwise only these.</summary>
    /// <exception cref="InvalidDataException">A network is missing, or there are other tensors besides.</exception>
    public IReadOnlyList<PretrainedWeights> OfMembers()
    {
        int[] found = [.. Tensors.Keys.Select(name => MemberWeights.Name().Match(name)).Where(match => match.Success).Select(match => int.Parse(match.Groups["member"].ValueSpan)).Distinct().Order()];
        if (found.Length == 0)
        {
            return [this];
        }

        InvalidDataException.ThrowIf(found[^1] != found.Length - 1, $"{Path} contains the networks {string.Join(", ", found)}; their numbers must start at 0 and have no gap.");
        PretrainedWeights[] members = [.. found.Select(member => this with { Path = $"Network {member} in {Path}", Tensors = Tensors.OfMember(member) })];
        InvalidDataException.ThrowIf(members.Sum(member => member.Tensors.Count) < Tensors.Count, $"{Path} contains other tensors besides those of its networks.");
        return members;
    }
}

/// <summary>Makes names from a file safe for a one-line error message: control characters must not reach the terminal.</summary>
internal static class PrintableName
{
    private const int Longest = 100;

    public static string Of(string name)
    {
        string cut = name.Length > Longest ? name[..Longest] + "..." : name;
        return $"'{string.Concat(cut.Select(letter => char.IsControl(letter) || char.IsSurrogate(letter) ? '?' : letter))}'";
    }
}
