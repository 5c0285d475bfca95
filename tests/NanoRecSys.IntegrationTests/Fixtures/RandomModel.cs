using System.Numerics.Tensors;
using Google.Protobuf;
using NanoRecSys.Core.Features;
using NanoRecSys.Core.Kernels;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Export.Onnx;

namespace NanoRecSys.IntegrationTests.Fixtures;

/// <summary>
/// A tiny untrained model, written by the real exporter and published by the real store within milliseconds:
/// 60 movies, 5 users. Each seed gives a different version.
/// </summary>
internal sealed class RandomModel(int seed)
{
    public const int Items = 60;
    public const int Width = 16;
    public const int MaxLength = 20;
    public const int BusyUser = 7; // has seen movies 1001 to 1050: ten are left
    public const int QuietUser = 11; // has seen movies 1003, 1001 and 1002, in this order
    public const int NewUser = 12; // is known, but has an empty history
    private const int Hidden = 20;
    private static readonly string[] Genres = ["Comedy", "Drama", "Thriller"];

    private readonly Random _random = new(seed);

    /// <summary>
    /// Whether it also has the 8-bit user tower and user embeddings. These are planted: every user has the embedding of the last movie,
    /// so that an answer shows whether they were used.
    /// </summary>
    public bool ServesFast { get; init; }

    /// <summary>Whether the 8-bit user tower has a NanoRecSys operator that this process lacks, as a tower of another release may.</summary>
    public bool HasUnknownOperator { get; init; }

    public RankerKind? Ranker { get; init; } = RankerKind.Random; // how the second stage scores; null: no ranker
    public DateTimeOffset Created { get; init; } = DateTimeOffset.UtcNow;
    public ScoreCalibration? Calibration { get; init; }
    public double RetrieverWeight { get; init; } = 3; // weight of the cosine in the served score

    /// <summary>The user's embedding depends only on the last movie of the history: all other parts of the network are zero.</summary>
    public bool SeesOnlyTheLast { get; init; }

    /// <summary>Number of movies in the user tower's table; ONNX Runtime fails on a history with a movie beyond it.</summary>
    public int ReadableItems { get; init; } = Items;

    public Catalog Movies { get; init; } = Catalog; // default: Catalog; must have as many items

    /// <summary>Five, in this order: <see cref="BusyUser"/>, <see cref="QuietUser"/>, <see cref="NewUser"/>, and two users with two items and one.</summary>
    public EntityId[] Users { get; init; } = [BusyUser, QuietUser, NewUser, 110, 205];

    public enum RankerKind
    {
        Random,

        /// <summary>The logit is always 0, so the served score is sigmoid(weight * cosine).</summary>
        Silent,
    }

    /// <summary>Movie i (id 1001 + i) was watched 60 - i times, so the most popular are 1001, 1002, ...</summary>
    public static Catalog Catalog { get; } = new([.. Enumerable.Range(0, Items).Select(i => Film.Of(
        i, 1001 + i, $"Movie {1001 + i}", i % 7 == 0 ? null : 1960 + i, i % 5 == 0 ? [] : [Genres[i % 3]], Items - i))]);

    /// <summary>
    /// As many items with ids of all kinds of characters, and attributes. Item i (<c>sku-i</c> with a few exceptions) has the brand
    /// <c>Brand i % 4</c>, the price i, the tags <c>even</c> or <c>odd</c>, and <c>three</c> if 3 divides i, and was launched i days into 2026.
    /// </summary>
    public static Catalog Shop { get; } = new([.. Enumerable.Range(0, Items).Select(i => new CatalogItem(
        i, EntityId.Of(i switch { 3 => "a/b", 4 => "100%", 5 => "ä", 6 => "a%2Fb", 7 => "x y?&=#+,", _ => $"sku-{i}" }), $"Thing {i}", [$"Shelf {i % 3}"], Items - i)
        {
            Attributes = new Dictionary<string, AttributeValue>(StringComparer.OrdinalIgnoreCase)
            {
                ["brand"] = AttributeValue.OfCategory($"Brand {i % 4}"), ["price"] = AttributeValue.OfNumber(i),
                ["tags"] = AttributeValue.OfCategories([i % 2 == 0 ? "even" : "odd", .. (i % 3 == 0 ? ["three"] : Array.Empty<string>())]),
                ["blurb"] = AttributeValue.OfText($"A fine thing, number {i}."),
                ["launched"] = AttributeValue.OfTime(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).AddDays(i).ToUnixTimeSeconds()),
            },
        })]);

    /// <summary>As many users as by default, with ids of all kinds of characters.</summary>
    public static EntityId[] Shoppers { get; } = [.. new[] { "anna", "b/c", "ü 100%", "u4", "u5" }.Select(id => EntityId.Of(id))];

    public ArtifactVersion Publish(ArtifactStore store)
    {
        var model = new ModelInfo("transformer", Width, 1, 2, Hidden, MaxLength, Items, 500, 0, "full-softmax", 0.05);
        Dictionary<string, NamedTensor> tower = TowerWeights();
        float[] vectors = Normalised(tower["embedding.weight"].Values);
        tower["embedding.weight"] = new NamedTensor("embedding.weight", [ReadableItems, Width], tower["embedding.weight"].Values[..(ReadableItems * Width)]);
        Manifest draft = Draft(model);
        string staging = store.CreateStaging();
        model = model with { Items = ReadableItems };
        UserTowerGraph.Write(Path.Combine(staging, ArtifactNames.UserTower), model, tower);
        if (ServesFast)
        {
            UserTowerGraph.Write(Path.Combine(staging, ArtifactNames.UserTowerInt8), model, tower, isInt8: true);
            if (HasUnknownOperator)
            {
                ReplaceOperator(Path.Combine(staging, ArtifactNames.UserTowerInt8));
            }

            HalfRows.Write(Path.Combine(staging, ArtifactNames.UserEmbeddings), Enumerable.Repeat(vectors[^Width..], 5), count: 5, Width);
        }

        NpyFile.Write(Path.Combine(staging, ArtifactNames.ItemEmbeddings), vectors, Width);
        FaissFile.Write(Path.Combine(staging, ArtifactNames.Index), new FlatIndex(vectors, Width));
        CatalogFile.WriteAsync(Path.Combine(staging, ArtifactNames.Catalog), Movies).GetAwaiter().GetResult();
        HistoriesFile.Write(staging, Histories());
        File.WriteAllText(Path.Combine(staging, ArtifactNames.Metrics), "[]");
        if (Ranker is not null)
        {
            Dictionary<string, NamedTensor> weights = RankerWeights();
            RankerGraph.Write(Path.Combine(staging, ArtifactNames.Ranker), Width, weights);
            RankerGraph.WriteParts(Path.Combine(staging, ArtifactNames.RankerItems), Path.Combine(staging, ArtifactNames.RankerCandidates), Width, weights);
            RankerItemParts.Write(staging, draft.Ranker!, Movies);
        }

        return store.Publish(staging, draft);
    }

    private static void ReplaceOperator(string path)
    {
        ModelProto graph = ModelProto.Parser.ParseFrom(File.ReadAllBytes(path));
        graph.OpsetImport.Add(new OperatorSetIdProto { Domain = OnnxKernels.Domain, Version = 1 });
        NodeProto softmax = graph.Graph.Node.First(node => node.OpType == "Softmax");
        (softmax.Domain, softmax.OpType) = (OnnxKernels.Domain, "LastAttention");
        File.WriteAllBytes(path, graph.ToByteArray());
    }

    private UserHistories Histories()
    {
        int[] busy = [.. Enumerable.Range(0, 50)];
        int[] quiet = [2, 0, 1];
        return new UserHistories(Users, [0, 50, 53, 53, 55, 56], [.. busy, .. quiet, 40, 41, 42]);
    }

    private Dictionary<string, NamedTensor> TowerWeights()
    {
        Dictionary<string, NamedTensor> weights = RandomTowerWeights();
        if (SeesOnlyTheLast)
        {
            foreach (string name in (string[])["blocks.0.attn.out_proj.weight", "blocks.0.attn.out_proj.bias", "blocks.0.mlp.w_2.weight", "projection.bias"])
            {
                Array.Clear(weights[name].Values);
            }

            Array.Fill(weights["norm.weight"].Values, 1);
            float[] projection = weights["projection.weight"].Values; // [D, D], the identity
            Array.Clear(projection);
            for (int i = 0; i < Width; i++)
            {
                projection[i * Width + i] = 1;
            }
        }

        return weights;
    }

    private Dictionary<string, NamedTensor> RandomTowerWeights() => ByName(
        Tensor("embedding.weight", Items, Width), Tensor("blocks.0.norm1.weight", Width),
        Tensor("blocks.0.attn.qkv_proj.weight", 3 * Width, Width), Tensor("blocks.0.attn.qkv_proj.bias", 3 * Width),
        Tensor("blocks.0.attn.out_proj.weight", Width, Width), Tensor("blocks.0.attn.out_proj.bias", Width),
        Tensor("blocks.0.norm2.weight", Width), Tensor("blocks.0.mlp.w_gate_val.weight", 2 * Hidden, Width),
        Tensor("blocks.0.mlp.w_2.weight", Width, Hidden), Tensor("norm.weight", Width),
        Tensor("projection.weight", Width, Width), Tensor("projection.bias", Width));

    private Dictionary<string, NamedTensor> RankerWeights()
    {
        int input = 3 * Width + 1 + 8 + 16 + 1;
        List<NamedTensor> tensors = [Tensor("genre_embeddings.weight", Genres.Length, 16), Tensor("year_embeddings.weight", 6, 8)];
        foreach ((int layer, int inputs) in new[] { (0, input), (4, 8), (8, 8) })
        {
            tensors.AddRange(
            [
                Tensor($"mlp.{layer}.weight", 8, inputs), Tensor($"mlp.{layer}.bias", 8),
                Tensor($"mlp.{layer + 1}.weight", 8), Tensor($"mlp.{layer + 1}.bias", 8), Tensor($"mlp.{layer + 1}.running_mean", 8),
                new NamedTensor($"mlp.{layer + 1}.running_var", [8], [.. Enumerable.Repeat(1f, 8)]),
            ]);
        }

        tensors.Add(Ranker == RankerKind.Silent ? new NamedTensor("output.weight", [1, 8], new float[8]) : Tensor("output.weight", 1, 8));
        tensors.Add(new NamedTensor("output.bias", [1], [0]));
        return ByName([.. tensors]);
    }

    private static OnnxInfo Tower(string file) => new(
        file, [new TensorInfo("tokens", "int64", ["batch", "length"])], [new TensorInfo("user_embedding", "float32", ["batch", $"{Width}"])]);

    private Manifest Draft(ModelInfo model) => new()
    {
        SchemaVersion = Manifest.CurrentSchema,
        ModelVersion = "",
        Created = Created,
        Seed = seed,
        Dataset = new DatasetInfo("random", new string('0', 64), 5, Items, 56, "leave-one-out", "all"),
        Model = model,
        UserTower = Tower(ArtifactNames.UserTower),
        UserTowerInt8 = ServesFast ? Tower(ArtifactNames.UserTowerInt8) : null,
        UserEmbeddings = ServesFast ? ArtifactNames.UserEmbeddings : null,
        Ranker = Ranker is null ? null : new RankerInfo(
            new OnnxInfo(ArtifactNames.Ranker, [], [new TensorInfo("logits", "float32", ["candidates"])]), new ItemLayout(Genres, [NumberLayout.Year]), RetrieverWeight,
            new RankerPartsInfo(ArtifactNames.RankerItems, ArtifactNames.RankerItemParts, ArtifactNames.RankerCandidates, "fp32")),
        Index = new IndexInfo(ArtifactNames.Index, "flat", "inner_product", new Dictionary<string, double>(), 1, 1),
        Calibration = Calibration,
        Metrics = [],
        Parity = new Dictionary<string, ParityInfo>(),
        Files = [],
    };

    private static float[] Normalised(float[] table)
    {
        float[] rows = [.. table];
        for (int start = 0; start < rows.Length; start += Width)
        {
            Span<float> row = rows.AsSpan(start, Width);
            TensorPrimitives.Divide(row, TensorPrimitives.Norm<float>(row), row);
        }

        return rows;
    }

    private NamedTensor Tensor(string name, params long[] shape)
    {
        var values = new float[shape.Aggregate(1L, (product, size) => product * size)];
        foreach (ref float value in values.AsSpan())
        {
            value = _random.NextSingle() - 0.5f;
        }

        return new NamedTensor(name, shape, values);
    }

    private static Dictionary<string, NamedTensor> ByName(params NamedTensor[] tensors) => tensors.ToDictionary(tensor => tensor.Name);
}
