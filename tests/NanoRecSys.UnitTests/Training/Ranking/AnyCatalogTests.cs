using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Features;
using NanoRecSys.Core.Kernels;
using NanoRecSys.Core.Onnx;
using NanoRecSys.Training.Ranking;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Ranking;

/// <summary>Rankers of catalogs with other attributes than those of films, and with none.</summary>
[Collection(SeededTorch.Name)]
public sealed class AnyCatalogTests : FolderTests
{
    [Fact]
    public async Task Ranker_of_products_is_exported_as_it_was_trained_and_ranks_new_ones()
    {
        (StepContext context, Catalog catalog) = await TrainAsync(Product);

        ExportReport report = await ExportStep.RunAsync(new ExportOptions { ParityHistories = 5, RankerPrecision = RankerPrecision.ThirtyTwoBits }, context);

        using RankerNetwork network = ModelFolder.ReadRanker(context.Workspace.RankerFolder, data: null);
        Assert.Equal(
            ["brand=Philips", "brand=Sony", "colours=black", "colours=blue", "colours=red", "shop=north", "shop=south"], network.Model.Items.Categories);
        Assert.Equal(["price", "released"], network.Model.Items.Numbers.Select(number => number.Name));
        Assert.Equal(["cosine", "recent", "categories", "number:price", "number:released"], network.Model.Signals);
        Assert.InRange(report.Parity[ArtifactNames.Ranker].MaxAbsDifference, 0, Parity.Tolerance);
        Assert.InRange(report.Parity[ArtifactNames.RankerCandidates].MaxAbsDifference, 0, Parity.Tolerance);
        using (InferenceSession whole = OnnxSession.Open(Path.Combine(context.Workspace.ExportFolder, ArtifactNames.Ranker)))
        {
            Assert.Equal(
                ["user_embedding", "item_embeddings", "popularity", "number_0", "number_1", "genres", "unknown", "signals"], whole.InputNames);
        }

        // Serving and the network score an untrained product alike.
        CatalogItem added = Product(catalog.Items[3]) with { Count = 0 };
        var features = new ItemFeatures(catalog, network.Model.Items);
        using var graphs = new OnnxRanker(
            Path.Combine(context.Workspace.ExportFolder, ArtifactNames.RankerItems), Path.Combine(context.Workspace.ExportFolder, ArtifactNames.RankerCandidates));
        RankerItems read = features.ReadNew(added, 16);
        var part = new float[graphs.PartWidth];
        graphs.ComputeParts(read, part);
        float[] user = [1, .. new float[15]], signals = [0, 0, 0.5f, 0.25f, 0.75f];
        float served = graphs.Score(user, new float[16], part, signals)[0];
        using var scope = NewDisposeScope();
        Tensor expected = network.forward(new RankerInputs(
            tensor(user, [1, 16]), zeros(1, 16), tensor(read.Popularity, [1, 1]), tensor(read.Numbers.Select(bucket => bucket[0]).ToArray(), [1, 2]),
            tensor(read.Categories, [1, 7]), ones(1, 1), tensor(signals, [1, 5])));
        Assert.Equal(expected.item<float>(), served, 1e-4f);
        Assert.Equal(4, read.Categories.Sum()); // the brand, two colours and the shop
    }

    [Fact]
    public async Task Feature_sensitivity_names_each_attribute()
    {
        (StepContext context, _) = await TrainAsync(Product);

        EvaluationReport report = await EvaluateStep.RunAsync(
            new EvaluateOptions { Models = [EvaluatedModels.FeatureSensitivity], Splits = [HeldOut.Validation], Resamples = 0 }, context);

        string[] features = ["brand", "colours", "price", "released", "shop", "popularity"];
        Assert.Equal(
            [
                "ranker-plain", .. features.Select(feature => $"ranker-plain ({feature} permuted)"),
                "ranker-new-items", .. features.Select(feature => $"ranker-new-items ({feature} permuted)"),
            ], report.Results.Select(result => result.Model));
        using JsonDocument line = JsonDocument.Parse(EvaluationJson.Line(report));
        Assert.Equal("full+permuted-brand", line.RootElement[1].GetProperty("protocol").GetString());
        Assert.Equal(2, report.Results.Count(result => result.IsComparable));
        Assert.Equal(["ranker-new-items.json", "ranker-plain.json"], Directory.GetFiles(context.Workspace.MetricsFolder).Select(Path.GetFileName).Order());
        double Ndcg(string model) => report.Results.Single(result => result.Model == model).Metrics["ndcg@10"];
        Assert.True(Ndcg("ranker-new-items") > Ndcg("ranker-new-items (brand permuted)"), "users choose by brand, so permuting it must cost NDCG");
    }

    [Fact]
    public async Task Ranker_of_a_catalog_without_metadata_is_exported()
    {
        (StepContext context, _) = await TrainAsync(item => item with { Categories = [], Attributes = ItemAttributes.None, Title = item.Id.Text });

        ExportReport report = await ExportStep.RunAsync(new ExportOptions { ParityHistories = 5 }, context);

        RankerModel model = ModelFolder.Ranker.ReadModel(context.Workspace.RankerFolder);
        Assert.Empty(model.Items.Categories);
        Assert.Empty(model.Items.Numbers);
        Assert.Equal(["cosine", "recent", "categories"], model.Signals);
        Assert.InRange(report.Parity[ArtifactNames.RankerCandidates].MaxAbsDifference, 0, report.Parity[ArtifactNames.RankerCandidates].Tolerance);
    }

    [Fact]
    public async Task Attributes_that_the_ranker_does_not_read_are_reported()
    {
        var progress = new Collected<ProgressEvent>();

        await TrainAsync(item => Product(item) with { Attributes = new Dictionary<string, AttributeValue> { ["same"] = AttributeValue.OfNumber(1) } }, progress);

        Assert.Contains(progress.Values, value => value.Message == "The attribute 'same' is not read by models: all items have the same value.");
    }

    [Fact]
    public async Task Heavier_interactions_pull_the_ranker_towards_their_items()
    {
        // Cheap and expensive products are equally frequent.
        double even = await ExpensiveScoreAsync(weight: 1), heavy = await ExpensiveScoreAsync(weight: 20);

        Assert.True(heavy > even + 0.1, $"{heavy:F3} with weights, {even:F3} without");

        async Task<double> ExpensiveScoreAsync(float weight)
        {
            string name = $"weight-{weight}";
            StepContext context = await TwoTastes.PrepareAsync(Folder, name);
            PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder);
            float[] weights = [.. data.Histories.Items.ToArray().Select(item => IsExpensive(item) ? weight : 1)];
            var mined = new List<MinedPosition>();
            for (int user = 0; user < data.Split.UserCount; user++)
            {
                ReadOnlySpan<int> items = data.Split.Train(user);
                for (int t = 1; t < items.Length; t++)
                {
                    mined.Add(new MinedPosition(
                        user, t, [1, .. new float[15]], [items[t], IsExpensive(items[t]) ? 0 : 1], [CandidateKind.Positive, CandidateKind.Hard], [0, 0]));
                }
            }

            manual_seed(1);
            var split = new LeaveOneOut(new UserHistories(data.Histories.Users, data.Histories.Offsets.ToArray(), data.Histories.Items.ToArray(), default, weights));
            var catalog = new Catalog([.. data.Catalog.Items.Select(item => item with
            {
                Categories = [IsExpensive(item.Index) ? "expensive" : "cheap"],
                Attributes = ItemAttributes.None,
                Count = 1,
            })]);
            using var network = new RankerNetwork(new RankerModel(16, [8], ItemLayout.Of(catalog), 0, 0));
            using Tensor embeddings = zeros(catalog.Count, 16);
            using var ranker = new CandidateRanker(network, embeddings, catalog);
            using RankerExamples examples = RankerExamples.Create(mined, split, ranker.Signals);
            using var trainer = new RankerTrainer(network, ranker.Items, new TrainRankerOptions { Loss = RankerLossKind.Listwise, LearningRate = 0.01, BatchPairs = 256, ItemDropout = 0 });
            for (int epoch = 0; epoch < 20; epoch++)
            {
                trainer.Train(examples, (_, _) => { }, TestContext.Current.CancellationToken);
            }

            CandidateList list = ranker.Rank([new UserCandidates(Array.Empty<int>(), [1, .. new float[15]], [1, 0], [0, 0])])[0];
            return list.Logits[0] - list.Logits[1];
        }

        static bool IsExpensive(int item) => item % 2 == 1;
    }

    // Taste depends on the brand alone; everything else is spread evenly.
    private static CatalogItem Product(CatalogItem item) => item with
    {
        Categories = [],
        Attributes = new Dictionary<string, AttributeValue>(StringComparer.OrdinalIgnoreCase)
        {
            ["brand"] = AttributeValue.OfCategory(item.Categories.Contains("Comedy") ? "Sony" : "Philips"),
            ["colours"] = AttributeValue.OfCategories(["black", item.Index % 4 < 2 ? "red" : "blue"]),
            ["shop"] = AttributeValue.OfCategory(item.Index % 3 == 0 ? "north" : "south"),
            ["price"] = AttributeValue.OfNumber(Math.Pow(1.2, item.Index * 7 % 40)),
            ["released"] = AttributeValue.OfTime(1_600_000_000 + item.Index * 11 % 40 * 86_400),
        },
    };

    private async Task<(StepContext Context, Catalog Catalog)> TrainAsync(Func<CatalogItem, CatalogItem> describe, IProgress<ProgressEvent>? progress = null)
    {
        StepContext context = await TwoTastes.PrepareAsync(Folder, "a");
        context = progress is null ? context : context with { Progress = progress };
        string path = Path.Combine(context.Workspace.DataFolder, PreparedData.CatalogName);
        var catalog = new Catalog([.. (await CatalogFile.ReadAsync(path)).Items.Select(describe)]);
        await CatalogFile.WriteAsync(path, catalog);
        await TwoTastes.TrainRankerAsync(context);
        return (context, catalog);
    }
}
