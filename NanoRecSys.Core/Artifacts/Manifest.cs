using System.Security.Cryptography;
using System.Text;
using NanoRecSys.Core.Features;

namespace NanoRecSys.Core.Artifacts;

/// <summary>
/// Describes one published version. It is written last into the version's folder, and is the only source from which serving takes
/// dimensions, names and hashes.
/// </summary>
public sealed record Manifest
{
    public const int CurrentSchema = 2;

    public required int SchemaVersion { get; init; }

    /// <summary>Checksum of this file; set by <see cref="ArtifactStore.Publish"/>.</summary>
    public string? Checksum { get; init; }

    /// <summary>See <see cref="VersionName"/>; also the folder's name.</summary>
    public required string ModelVersion { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required long Seed { get; init; }

    public required DatasetInfo Dataset { get; init; }

    public required ModelInfo Model { get; init; }

    public required OnnxInfo UserTower { get; init; }

    /// <summary>The user tower in 8 bits; null if it deviates too much, or in versions without one.</summary>
    public OnnxInfo? UserTowerInt8 { get; init; }

    /// <summary>File of the embeddings of all users in the published histories; null if they were not precomputed.</summary>
    public string? UserEmbeddings { get; init; }

    /// <summary>Null if the retriever's scores are served.</summary>
    public RankerInfo? Ranker { get; init; }

    /// <summary>Item-item models whose scores are added to the cosines; null or empty if the cosines alone find the candidates.</summary>
    public IReadOnlyList<ItemListInfo>? Blend { get; init; }

    /// <summary>How training continued on all interactions; null if the models are served as measured.</summary>
    public FinalFitInfo? FinalFit { get; init; }

    /// <summary>Maps the value that orders the list to the served score; null: the cosine, or the sigmoid of the ranker's logit.</summary>
    public ScoreCalibration? Calibration { get; init; }

    public required IndexInfo Index { get; init; }

    /// <summary>Null in older versions: new items then cannot be placed among the others.</summary>
    public ContentMapInfo? ContentMap { get; init; }

    /// <summary>Null in older versions: there is then no map to show.</summary>
    public ItemMapInfo? ItemMap { get; init; }

    /// <summary>Every model's metrics on validation and test, including the popularity baseline's.</summary>
    public required IReadOnlyList<EvaluationResult> Metrics { get; init; }

    /// <summary>The comparison with the version served when this one was published; null if there was none.</summary>
    public GateResult? Gate { get; init; }

    /// <summary>All candidates of the race; null if there was none.</summary>
    public RaceInfo? Race { get; init; }

    /// <summary>Deviation of each exported file from the trained network.</summary>
    public required IReadOnlyDictionary<string, ParityInfo> Parity { get; init; }

    public required IReadOnlyList<ArtifactFile> Files { get; init; }
}

/// <param name="Name">The name given to <c>--data</c>, or the folder's name.</param>
/// <param name="Sha256">Hash of the ratings file.</param>
/// <param name="Users">Users after filters.</param>
/// <param name="Items">Items after filters, which are the rows of the item table.</param>
/// <param name="Interactions">Interactions after filters.</param>
/// <param name="Split"><c>leave-one-out</c> or <c>time</c>.</param>
/// <param name="ServeSplit">Content of the published histories: <c>all</c>, or <c>train</c> without the held-out items.</param>
public sealed record DatasetInfo(string Name, string Sha256, int Users, int Items, long Interactions, string Split, string ServeSplit)
{
    /// <summary>The data's word for an item; null for <see cref="ItemWord.Item"/>.</summary>
    public ItemWord? Word { get; init; }

    /// <summary>When the store's events and deleted users were read, by its clock; null if they were not: see <see cref="Events.EventKeys.Forgotten"/>.</summary>
    public DateTimeOffset? EventsRead { get; init; }

    /// <summary>Whether the interactions have times, or only an order, used as times; null in earlier versions.</summary>
    public bool? HasTimes { get; init; }

    /// <summary>Warnings of <c>inspect</c> and <c>prepare</c>, one sentence each; null in earlier versions.</summary>
    public IReadOnlyList<string>? Warnings { get; init; }
}

/// <summary>The user tower's configuration.</summary>
/// <param name="Kind">Type of the blocks; see <see cref="BlockKinds"/>.</param>
/// <param name="Dimension">D, width of the network and of its embeddings.</param>
/// <param name="Blocks">N, number of transformer blocks.</param>
/// <param name="Heads">Attention heads; must divide D.</param>
/// <param name="FeedForward">F, hidden width of SwiGLU.</param>
/// <param name="MaxLength">L, maximum number of history items that are read.</param>
/// <param name="Items">V, rows of the item table.</param>
/// <param name="RopeBase">Base of the rotary position embedding.</param>
/// <param name="Dropout">Dropout rate in training.</param>
/// <param name="Loss"><c>full-softmax</c>, <c>info-nce</c>, ...</param>
/// <param name="Temperature">Divides the cosine in the loss.</param>
public sealed record ModelInfo(
    string Kind, int Dimension, int Blocks, int Heads, int FeedForward, int MaxLength, int Items,
    double RopeBase, double Dropout, string Loss, double Temperature)
{
    /// <summary>How the network represents the order; see <see cref="Artifacts.Positions"/>.</summary>
    public string Positions { get; init; } = Artifacts.Positions.Rotary;

    /// <summary>Whether scores depend on the time between interactions, which are then inputs of the graph, too.</summary>
    public bool TimeBias { get; init; }

    /// <summary>M, number of separately trained networks of this configuration whose embeddings are concatenated; null for one.</summary>
    public int? Members { get; init; }

    /// <summary>E, width of the served embeddings: the members' D together.</summary>
    [JsonIgnore]
    public int EmbeddingDimension => Dimension * (Members ?? 1);

    /// <summary>The configuration of one member.</summary>
    public ModelInfo OfMember() => this with { Members = null };
}

/// <param name="Name">The tensor's name in the graph.</param>
/// <param name="Type"><c>int64</c> or <c>float32</c>.</param>
/// <param name="Shape">A number, or the name of a dynamic axis.</param>
public sealed record TensorInfo(string Name, string Type, IReadOnlyList<string> Shape);

/// <param name="File">The fp32 graph.</param>
/// <param name="Inputs">In the graph's order.</param>
/// <param name="Outputs">In the graph's order.</param>
public sealed record OnnxInfo(string File, IReadOnlyList<TensorInfo> Inputs, IReadOnlyList<TensorInfo> Outputs);

/// <summary>The ranker. The served order combines its logit and the retriever's cosine.</summary>
/// <param name="Onnx">The whole graph, for use by other programs.</param>
/// <param name="Items">The item data that it reads: categories in the order of the embedding's rows, numbers with the edges of their buckets.</param>
/// <param name="RetrieverWeight">
/// Served score = sigmoid(logit + RetrieverWeight * cosine); 0 means the ranker alone. Chosen on validation.
/// </param>
/// <param name="Parts">The same network, split for serving.</param>
public sealed record RankerInfo(OnnxInfo Onnx, ItemLayout Items, double RetrieverWeight, RankerPartsInfo Parts)
{
    /// <summary>As returned by <see cref="RankerSignals.Of"/>; none in nanoRecSys's published layout.</summary>
    public IReadOnlyList<string> Signals { get; init; } = [];
}

/// <param name="File">The [V, 2 N] matrix of <see cref="Retrieval.ItemLists"/>.</param>
/// <param name="Weight">Weight of its score relative to the cosine, after division by the score's root mean square over the catalog.</param>
/// <param name="Decay">Weight of an item of the history relative to the item after it.</param>
public sealed record ItemListInfo(string Name, string File, double Weight, double Decay);

/// <summary>A continued training on all interactions, including the held-out ones. The manifest's metrics are those of the models before it.</summary>
/// <param name="Epochs">Number of retriever epochs.</param>
/// <param name="LearningRate">The initial learning rate.</param>
/// <param name="Interactions">Total number of interactions.</param>
public sealed record FinalFitInfo(int Epochs, double LearningRate, long Interactions);

/// <summary>The ranker in two graphs: the part that depends only on the item is computed when the version is published.</summary>
/// <param name="Items">The graph for an item's part of the first layer; serving runs it for new items.</param>
/// <param name="ItemParts">[V, H1] its output for all items.</param>
/// <param name="Candidates">The graph that scores candidates by their parts.</param>
/// <param name="Precision">Precision of the products per candidate: <c>fp32</c> or <c>int8</c>.</param>
public sealed record RankerPartsInfo(string Items, string ItemParts, string Candidates, string Precision)
{
    /// <summary>All of these files.</summary>
    public IEnumerable<string> Files() => [Items, ItemParts, Candidates];
}

/// <summary>Places items that are not in the training data by their data.</summary>
/// <param name="File">[F, D] as a NumPy array.</param>
/// <param name="Features">Meaning of its F rows, as JSON.</param>
/// <param name="Ridge">Strength of the penalty on its weights, chosen by cross-validation over items.</param>
/// <param name="HeldOutCosine">Mean cosine of estimated and trained embeddings, for items held out from the fit.</param>
public sealed record ContentMapInfo(string File, string Features, double Ridge, double HeldOutCosine);

/// <summary>The item embeddings laid out on a plane.</summary>
/// <param name="File">See <see cref="Data.ItemPlaneFile"/>.</param>
/// <param name="Method">The layout method: <c>neighbours</c>.</param>
/// <param name="Kept">
/// Mean share of a well-known item's ten nearest by cosine that are also among its ten nearest on the plane, counting only well-known items.
/// </param>
public sealed record ItemMapInfo(string File, string Method, double Kept);

/// <param name="File">The FAISS file.</param>
/// <param name="Kind"><c>flat</c>, ...</param>
/// <param name="Metric"><c>inner_product</c> or <c>l2</c>.</param>
/// <param name="Parameters">nlist, nprobe and similar; empty for flat.</param>
/// <param name="RecallAt10">Measured share of the exact ten nearest that it finds.</param>
/// <param name="RecallAt100">Measured share of the exact hundred nearest that it finds.</param>
public sealed record IndexInfo(
    string File, string Kind, string Metric, IReadOnlyDictionary<string, double> Parameters, double RecallAt10, double RecallAt100)
{
    /// <summary>Milliseconds of one query for a hundred neighbors on one thread, on the machine that built it; 0 if not measured.</summary>
    public double LatencyMs { get; init; }

    /// <summary>Hash of the file, between <c>index</c> and <c>publish</c>; null in a manifest, whose <see cref="Manifest.Files"/> have all hashes.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Sha256 { get; init; }

    /// <summary>Hash of the item embeddings that it was built from; like <see cref="Sha256"/>, only between <c>index</c> and <c>publish</c>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ItemsSha256 { get; init; }
}

/// <param name="MaxAbsDifference">Largest absolute difference between an output and the trained network's.</param>
/// <param name="Cases">Number of histories (or candidates) compared.</param>
/// <param name="Tolerance">The allowed difference.</param>
public sealed record ParityInfo(double MaxAbsDifference, int Cases, double Tolerance)
{
    /// <summary>Mean cosine with the trained network's outputs, the criterion for a graph in 8 bits; null for 32 bits.</summary>
    public double? MeanCosine { get; init; }
}

/// <param name="Name">Relative to the version's folder.</param>
/// <param name="Sha256">Lower-case hex.</param>
/// <param name="Size">Size in bytes.</param>
public sealed record ArtifactFile(string Name, string Sha256, long Size);

/// <summary>
/// Reads and writes <c>manifest.json</c>. A version's name covers every file except the manifest, so the manifest
/// has its own checksum: the SHA-256 of its bytes with the checksum's digits set to zero.
/// </summary>
internal static class ManifestFile
{
    private const int MostBytes = 4 << 20; // the sample's has 30 KB
    private static readonly string NoChecksum = new('0', 2 * SHA256.HashSizeInBytes);

    /// <summary>The manifest is on disk when this returns; a reader sees the old or the new one.</summary>
    public static void Write(string folder, Manifest manifest)
    {
        byte[] bytes = JsonSerializer.SerializeToUtf8Bytes(manifest with { Checksum = NoChecksum }, CoreJson.Indented.Manifest);
        byte[] checksum = Encoding.ASCII.GetBytes(Convert.ToHexStringLower(SHA256.HashData(bytes)));
        checksum.CopyTo(bytes, bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes(NoChecksum)));
        AtomicFile.Write(Path.Combine(folder, ArtifactNames.Manifest), bytes);
    }

    /// <exception cref="ArtifactException">Missing, of another schema, or changed.</exception>
    public static Manifest Read(string folder)
    {
        string version = Path.GetFileName(folder);
        try
        {
            byte[] bytes = SmallFile.Read(Path.Combine(folder, ArtifactNames.Manifest), MostBytes);
            RequireSchema(bytes, version);
            Manifest manifest = JsonSerializer.Deserialize(bytes, CoreJson.Indented.Manifest)!; // an object, which has a schema
            if (manifest.Files.Contains(null!) || manifest.Metrics.Contains(null!))
            {
                throw new JsonException("a file or a metric is null.");
            }

            return HasChecksum(bytes, manifest.Checksum)
                ? manifest
                : throw new ArtifactException($"Version {version}: the manifest was changed after it was published. Run 'publish' again.");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ArtifactException($"Version {version}: no {ArtifactNames.Manifest} in {folder}. Run 'publish' again.", e);
        }
        catch (Exception e) when (e is JsonException or IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new ArtifactException($"Version {version}: the manifest cannot be read: {e.Message} Run 'publish' again.", e);
        }
    }

    private static bool HasChecksum(byte[] bytes, string? checksum)
    {
        int position = checksum?.Length == NoChecksum.Length ? bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(checksum)) : -1;
        if (position < 0)
        {
            return false;
        }

        bytes.AsSpan(position, NoChecksum.Length).Fill((byte)'0');
        return Convert.ToHexStringLower(SHA256.HashData(bytes)) == checksum;
    }

    // Checked before the rest is parsed, because another schema may have other fields.
    private static void RequireSchema(byte[] manifest, string version)
    {
        using JsonDocument document = JsonDocument.Parse(manifest);
        int? schema = document.RootElement.ValueKind == JsonValueKind.Object
            && document.RootElement.TryGetProperty("schema_version", out JsonElement value)
            && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number : null;
        if (schema != Manifest.CurrentSchema)
        {
            throw new ArtifactException(
                $"Version {version}: its manifest has schema {schema?.ToString() ?? "none"}, this program reads {Manifest.CurrentSchema}. " +
                "Publish it with the same release that serves it.");
        }
    }
}

/// <summary>Block types of the user tower.</summary>
internal static class BlockKinds
{
    /// <summary>The reference: softmax attention and SwiGLU.</summary>
    public const string Transformer = "transformer";

    /// <summary>The reference with a gate on the output of each half of a block (LiGR).</summary>
    public const string Gated = "gated";

    public static readonly IReadOnlyList<string> All = [Transformer, Gated];
}

/// <summary>How the user tower represents the order of a history.</summary>
internal static class Positions
{
    /// <summary>Queries and keys are rotated by their position (RoPE).</summary>
    public const string Rotary = "rotary";

    /// <summary>A learned bias on the scores by the distance between two items.</summary>
    public const string Relative = "relative";

    public static readonly IReadOnlyList<string> All = [Rotary, Relative];
}
