using System.Security.Cryptography;
using System.Text;
using NanoRecSys.Core.Features;

namespace NanoRecSys.Core.Artifacts;

/// <summary>
/// What one published version is: written last into its folder, the only place that serving takes
/// dimensions, names and hashes from.
/// </summary>
public sealed record Manifest
{
    public const int CurrentSchema = 2;

    public required int SchemaVersion { get; init; }

    /// <summary>Of this file itself; filled in by <see cref="ArtifactStore.Publish"/>.</summary>
    public string? Checksum { get; init; }

    /// <summary>See <see cref="VersionName"/>; also the folder's name.</summary>
    public required string ModelVersion { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required long Seed { get; init; }

    public required DatasetInfo Dataset { get; init; }

    public required ModelInfo Model { get; init; }

    public required OnnxInfo UserTower { get; init; }

    /// <summary>The user tower in 8 bits; null where it strays too far, or in versions from before there was one.</summary>
    public OnnxInfo? UserTowerInt8 { get; init; }

    /// <summary>File of the embeddings of all users in the published histories; null where they were not computed ahead.</summary>
    public string? UserEmbeddings { get; init; }

    /// <summary>Null: the retriever's scores pass through.</summary>
    public RankerInfo? Ranker { get; init; }

    /// <summary>Item-item models whose scores are added to the cosines; null or empty: the cosines alone find the candidates.</summary>
    public IReadOnlyList<ItemListInfo>? Blend { get; init; }

    /// <summary>How the models were continued on all interactions; null: they are served as they were measured.</summary>
    public FinalFitInfo? FinalFit { get; init; }

    /// <summary>Turns what orders the list into the served score; null: the cosine, or the sigmoid of the ranker's logit.</summary>
    public ScoreCalibration? Calibration { get; init; }

    public required IndexInfo Index { get; init; }

    /// <summary>Null in versions from before there was one: new items cannot be placed among the others.</summary>
    public ContentMapInfo? ContentMap { get; init; }

    /// <summary>Null in versions from before there was one: there is no map to look at.</summary>
    public ItemMapInfo? ItemMap { get; init; }

    /// <summary>Every model's figures on validation and test, the popularity baseline's among them.</summary>
    public required IReadOnlyList<EvaluationResult> Metrics { get; init; }

    /// <summary>The comparison with the version that was served when this one was published; null where there was none to compare with.</summary>
    public GateResult? Gate { get; init; }

    /// <summary>All candidates of the race; null where there was none.</summary>
    public RaceInfo? Race { get; init; }

    /// <summary>By exported file: how far it strays from the trained network.</summary>
    public required IReadOnlyDictionary<string, ParityInfo> Parity { get; init; }

    public required IReadOnlyList<ArtifactFile> Files { get; init; }
}

/// <param name="Name">The name given to <c>--data</c>, or the folder's.</param>
/// <param name="Sha256">Of the ratings file.</param>
/// <param name="Users">Users after filters.</param>
/// <param name="Items">Items after filters: the item table's rows.</param>
/// <param name="Interactions">Interactions after filters.</param>
/// <param name="Split"><c>leave-one-out</c> or <c>time</c>.</param>
/// <param name="ServeSplit">What the published histories hold: <c>all</c>, or <c>train</c> without the held-out items.</param>
public sealed record DatasetInfo(string Name, string Sha256, int Users, int Items, long Interactions, string Split, string ServeSplit)
{
    /// <summary>What the data calls an item; null for <see cref="ItemWord.Item"/>.</summary>
    public ItemWord? Word { get; init; }

    /// <summary>When the store's events and deleted users were read, by its clock; null where they were not: see <see cref="Events.EventKeys.Forgotten"/>.</summary>
    public DateTimeOffset? EventsRead { get; init; }

    /// <summary>Whether the interactions have times, or only an order, used in their place; null in earlier versions.</summary>
    public bool? HasTimes { get; init; }

    /// <summary>What <c>inspect</c> and <c>prepare</c> warn of, a sentence each; null in earlier versions.</summary>
    public IReadOnlyList<string>? Warnings { get; init; }
}

/// <summary>The user tower's configuration.</summary>
/// <param name="Kind">Of the blocks; see <see cref="BlockKinds"/>.</param>
/// <param name="Dimension">D, width of the network and of an embedding of its own.</param>
/// <param name="Blocks">N, number of transformer blocks.</param>
/// <param name="Heads">Attention heads; D is a multiple of it.</param>
/// <param name="FeedForward">F, hidden width of SwiGLU.</param>
/// <param name="MaxLength">L, most items of a history that are read.</param>
/// <param name="Items">V, rows of the item table.</param>
/// <param name="RopeBase">Base of the rotary position embedding.</param>
/// <param name="Dropout">Rate in training.</param>
/// <param name="Loss"><c>full-softmax</c>, <c>info-nce</c>, ...</param>
/// <param name="Temperature">Divides the cosine in the loss.</param>
public sealed record ModelInfo(
    string Kind, int Dimension, int Blocks, int Heads, int FeedForward, int MaxLength, int Items,
    double RopeBase, double Dropout, string Loss, double Temperature)
{
    /// <summary>How the network knows the order; see <see cref="Artifacts.Positions"/>.</summary>
    public string Positions { get; init; } = Artifacts.Positions.Rotary;

    /// <summary>Whether scores depend on the time between interactions, which the graph then reads, too.</summary>
    public bool TimeBias { get; init; }

    /// <summary>M, networks of this configuration that were trained apart and whose embeddings are concatenated; null for one.</summary>
    public int? Members { get; init; }

    /// <summary>E, width of the embeddings that are served: D of every member.</summary>
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

/// <summary>The second stage. Its logit and the retriever's cosine make the served order.</summary>
/// <param name="Onnx">The whole graph, for use elsewhere.</param>
/// <param name="Items">What it reads of items: categories in the order of the embedding's rows, numbers with the edges of their buckets.</param>
/// <param name="RetrieverWeight">
/// Served score = sigmoid(logit + RetrieverWeight * cosine); 0 is the plain ranker. Chosen on validation.
/// </param>
/// <param name="Parts">The same, cut where serving wants it.</param>
public sealed record RankerInfo(OnnxInfo Onnx, ItemLayout Items, double RetrieverWeight, RankerPartsInfo Parts)
{
    /// <summary>As <see cref="RankerSignals.Of"/> gives them; none in the published layout.</summary>
    public IReadOnlyList<string> Signals { get; init; } = [];
}

/// <param name="Name">The model's.</param>
/// <param name="File">[V, 2 N] of <see cref="Retrieval.ItemLists"/>.</param>
/// <param name="Weight">Of its score, divided by the score's root mean square over the catalog, beside the cosine.</param>
/// <param name="Decay">How much less an item of the history weighs than the one after it.</param>
public sealed record ItemListInfo(string Name, string File, double Weight, double Decay);

/// <summary>A continued training on all interactions, the held-out ones too. The manifest's metrics are those of the models before it.</summary>
/// <param name="Epochs">Of the retriever.</param>
/// <param name="LearningRate">At its start.</param>
/// <param name="Interactions">All that there were.</param>
public sealed record FinalFitInfo(int Epochs, double LearningRate, long Interactions);

/// <summary>The ranker cut in two: what depends on an item alone was computed when the version was published.</summary>
/// <param name="Items">The graph of an item's part of the first layer; serving runs it for new items.</param>
/// <param name="ItemParts">[V, H1] what it gave for all items.</param>
/// <param name="Candidates">The graph that scores candidates by their parts.</param>
/// <param name="Precision">Of the products per candidate: <c>fp32</c> or <c>int8</c>.</param>
public sealed record RankerPartsInfo(string Items, string ItemParts, string Candidates, string Precision)
{
    /// <summary>All of these files.</summary>
    public IEnumerable<string> Files() => [Items, ItemParts, Candidates];
}

/// <summary>Places items that training has not seen, by what is known of them.</summary>
/// <param name="File">[F, D] as a NumPy array.</param>
/// <param name="Features">What its F rows are for, as JSON.</param>
/// <param name="Ridge">Strength of the penalty on its weights, chosen by cross-validation over items.</param>
/// <param name="HeldOutCosine">Mean cosine of estimated and trained embeddings, for items that the fit did not see.</param>
public sealed record ContentMapInfo(string File, string Features, double Ridge, double HeldOutCosine);

/// <summary>The item embeddings laid out on a plane.</summary>
/// <param name="File">See <see cref="Data.ItemPlaneFile"/>.</param>
/// <param name="Method">How: <c>neighbours</c>.</param>
/// <param name="Kept">
/// Mean share of a well-known item's nearest ten by cosine that are among its nearest ten on the plane, both of well-known ones.
/// </param>
public sealed record ItemMapInfo(string File, string Method, double Kept);

/// <param name="File">The FAISS file.</param>
/// <param name="Kind"><c>flat</c>, ...</param>
/// <param name="Metric"><c>inner_product</c> or <c>l2</c>.</param>
/// <param name="Parameters">nlist, nprobe and the like; empty for flat.</param>
/// <param name="RecallAt10">Share of the exact ten nearest that it finds, measured.</param>
/// <param name="RecallAt100">Share of the exact hundred nearest that it finds, measured.</param>
public sealed record IndexInfo(
    string File, string Kind, string Metric, IReadOnlyDictionary<string, double> Parameters, double RecallAt10, double RecallAt100)
{
    /// <summary>Milliseconds of one query for a hundred neighbours on one thread, where it was built; 0 if not measured.</summary>
    public double LatencyMs { get; init; }

    /// <summary>Of the file, between <c>index</c> and <c>publish</c>; null in a manifest, whose <see cref="Manifest.Files"/> have all hashes.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Sha256 { get; init; }

    /// <summary>Of the item embeddings that it was built from; as <see cref="Sha256"/>, only between <c>index</c> and <c>publish</c>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ItemsSha256 { get; init; }
}

/// <param name="MaxAbsDifference">Largest absolute difference of an output to the trained network's.</param>
/// <param name="Cases">Histories (or candidates) compared.</param>
/// <param name="Tolerance">What was allowed.</param>
public sealed record ParityInfo(double MaxAbsDifference, int Cases, double Tolerance)
{
    /// <summary>Of the outputs with the trained network's, by which a graph in 8 bits is judged; null for one in 32.</summary>
    public double? MeanCosine { get; init; }
}

/// <param name="Name">Relative to the version's folder.</param>
/// <param name="Sha256">Lower-case hex.</param>
/// <param name="Size">In bytes.</param>
public sealed record ArtifactFile(string Name, string Sha256, long Size);

/// <summary>
/// Reads and writes <c>manifest.json</c>. A version's name covers every file but the manifest, so the manifest
/// carries its own checksum: the SHA-256 of its bytes with the checksum's digits as zeros.
/// </summary>
internal static class ManifestFile
{
    private const int MostBytes = 4 << 20; // one of the sample has 30 KB
    private static readonly string NoChecksum = new('0', 2 * SHA256.HashSizeInBytes);

    /// <summary>On disk when this returns; a reader sees the old manifest or the new one.</summary>
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
            Manifest manifest = JsonSerializer.Deserialize(bytes, CoreJson.Indented.Manifest)
                ?? throw new JsonException("it is null.");
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

    // Looked at before the rest is parsed: another schema may have other fields.
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

/// <summary>What the user tower can be built of.</summary>
internal static class BlockKinds
{
    /// <summary>The reference: softmax attention and SwiGLU.</summary>
    public const string Transformer = "transformer";

    /// <summary>The reference with a gate on what each half of a block adds (LiGR).</summary>
    public const string Gated = "gated";

    public static readonly IReadOnlyList<string> All = [Transformer, Gated];
}

/// <summary>How the user tower knows the order of a history.</summary>
internal static class Positions
{
    /// <summary>Queries and keys are rotated by their place (RoPE).</summary>
    public const string Rotary = "rotary";

    /// <summary>A learned bias on the scores by the distance between two items.</summary>
    public const string Relative = "relative";

    public static readonly IReadOnlyList<string> All = [Rotary, Relative];
}
