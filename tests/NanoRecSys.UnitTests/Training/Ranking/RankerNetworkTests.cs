using NanoRecSys.Core.Features;
using NanoRecSys.Training.Ranking;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Ranking;

[Collection(SeededTorch.Name)]
public sealed class RankerNetworkTests
{
    [Fact]
    public void Its_weights_have_the_names_of_the_published_layout()
    {
        using var network = new RankerNetwork(new RankerModel(4, [7, 6, 5], Films(3), 0.2, 0));

        IEnumerable<string> names = NetworkWeights.Of(network).Select(weight => $"{weight.Name} [{string.Join(',', weight.Shape)}]");

        string[] Layer(int linear, int inputs, int outputs) =>
        [
            $"mlp.{linear}.weight [{outputs},{inputs}]", $"mlp.{linear}.bias [{outputs}]",
            .. new[] { "weight", "bias", "running_mean", "running_var" }.Select(name => $"mlp.{linear + 1}.{name} [{outputs}]"),
        ];
        string[] expected =
        [
            "genre_embeddings.weight [3,16]", "year_embeddings.weight [6,8]", .. Layer(0, 38, 7), .. Layer(4, 7, 6), .. Layer(8, 6, 5),
            "output.weight [1,5]", "output.bias [1]",
        ];
        Assert.Equal(expected.Order(StringComparer.Ordinal), names.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void An_unknown_item_is_scored_without_its_embedding()
    {
        manual_seed(1);
        using var network = new RankerNetwork(new RankerModel(4, [64, 32, 16], Films(3), 0.2, 0));
        network.eval();
        float Logit(float item, float unknown) => network.forward(new RankerInputs(
            ones(1, 4), full(1, 4, item), ones(1, 1), zeros(1, 1, int64), ones(1, 3), full(1, 1, unknown))).item<float>();

        Assert.Equal(Logit(0.1f, unknown: 1), Logit(0.9f, unknown: 1));
        Assert.NotEqual(Logit(0.1f, unknown: 0), Logit(0.9f, unknown: 0));
    }

    [Fact]
    public void Every_number_attribute_has_an_embedding_and_without_any_there_is_none()
    {
        NumberLayout price = new("price", [10, 20, 50], [1, 10, 20, 50, 90]), weight = new("weight", [1], [0, 1]);

        Assert.Equal(
            ["genre_embeddings.weight [2,16]", "number_embeddings.0.weight [5,8]", "number_embeddings.1.weight [3,8]"], Embeddings(new(["a", "b=c"], [price, weight])));
        Assert.Equal(
            ["genre_embeddings.weight [1,16]", "number_embeddings.0.weight [5,8]", "year_embeddings.weight [6,8]"], Embeddings(new(["a"], [NumberLayout.Year, price])));
        Assert.Equal(["genre_embeddings.weight [1,16]"], Embeddings(ItemLayout.Empty)); // one unused row

        static IEnumerable<string> Embeddings(ItemLayout items)
        {
            using var network = new RankerNetwork(new RankerModel(4, [7], items, 0.2, 0));
            Assert.Equal([7, 3 * 4 + 1 + 8 * items.Numbers.Count + 16 + 1], NetworkWeights.ByName(network)["mlp.0.weight"].Shape);
            return [.. NetworkWeights.Of(network).Where(tensor => tensor.Name.Contains("embeddings", StringComparison.Ordinal))
                .Select(tensor => $"{tensor.Name} [{string.Join(',', tensor.Shape)}]").Order(StringComparer.Ordinal)];
        }
    }

    [Fact]
    public void Many_categories_are_gathered_without_a_table_of_flags()
    {
        // 20,000 items by 900 categories are more than 64 MB of flags.
        var catalog = new Catalog([.. Enumerable.Range(0, 20_000).Select(row => new CatalogItem(row, row, "", [$"c{row % 900}", $"c{(row + 1) % 900}"], 1))]);
        var features = new ItemFeatures(catalog, ItemLayout.Of(catalog));
        using var items = new ItemFeatureTensors(zeros(20_000, 2), features);

        using Tensor categories = items.Gather(ones(1, 2), tensor(new long[] { 3, 1799 })).Categories; // [2, 900]

        Assert.Null(features.Flags);
        Assert.Equal(["c3", "c4"], Names(categories[0]));
        Assert.Equal(["c0", "c899"], Names(categories[1]));

        IEnumerable<string> Names(Tensor flags) => flags.nonzero().squeeze(1).data<long>().ToArray().Select(column => features.Layout.Categories[(int)column]);
    }

    private static ItemLayout Films(int genres) => new([.. Enumerable.Range(0, genres).Select(i => $"genre {i}")], [NumberLayout.Year]);
}

[Collection(SeededTorch.Name)]
public sealed class RankerLossTests
{
    // With s the sigmoid, the means of -log s(1), -log s(0), -log s(1), -log s(2), -log s(-1); and of
    // -log(e / (e + 1 + 1/e)) and -log(e^2 / (e^2 + e)).
    [Theory]
    [InlineData(RankerLossKind.Bce, 0.55197)]
    [InlineData(RankerLossKind.Listwise, 0.36043)]
    public void A_shorter_list_counts_by_its_candidates(RankerLossKind kind, double expected) =>
        Assert.Equal(expected, Loss(kind), 1e-4);

    // -log s(1), -log s(0), -log s(1) weigh 3, -log s(2), -log s(-1) weigh 1; the two lists weigh 3 and 1.
    [Theory]
    [InlineData(RankerLossKind.Bce, (3 * (0.31326 + 0.69315 + 0.31326) + 0.12693 + 1.31326) / 11)]
    [InlineData(RankerLossKind.Listwise, (3 * 0.40761 + 0.31326) / 4)]
    public void A_heavier_position_counts_for_more(RankerLossKind kind, double expected)
    {
        Assert.Equal(expected, Loss(kind, [3, 1]), 1e-4);
        Assert.Equal(Loss(kind), Loss(kind, [1, 1]), 1e-7);
    }

    /// <summary>Lists of three and two candidates: 99 is padding after the end of the second.</summary>
    private static double Loss(RankerLossKind kind, float[]? weights = null)
    {
        using var scope = NewDisposeScope();
        Tensor logits = tensor(new float[] { 1, 0, -1, 2, 1, 99 }, [2, 3]), mask = tensor(new[] { true, true, true, true, true, false }, [2, 3]);
        return RankerLoss.Of(kind, logits, mask, weights is null ? null : tensor(weights)).item<float>();
    }
}

public sealed class CandidateListTests
{
    private static readonly CandidateList List = new(Rows: [7, 2, 5], Cosines: [0.9f, 0.5f, 0.1f], Logits: [0, 1, 2]);

    [Theory]
    [InlineData(0, 5, 1)] // the ranker alone
    [InlineData(0, 7, 3)]
    [InlineData(100, 7, 1)] // almost the retriever's order
    [InlineData(100, 5, 3)]
    public void The_weight_moves_the_order_from_the_rankers_to_the_retrievers(double weight, int item, int rank) =>
        Assert.Equal(rank, List.RankOf(item, weight));

    [Fact]
    public void A_tie_counts_against_the_item() => Assert.Equal(3, List.RankOf(2, 2.5)); // all three score 2.25

    [Fact]
    public void A_NaN_logit_is_not_a_hit()
    {
        Assert.Equal(3, (List with { Logits = [0, 1, float.NaN] }).RankOf(5, 0));
        Assert.Equal(2, (List with { Logits = [float.NaN, 1, 0] }).RankOf(2, 0));
    }

    [Fact]
    public void Items_that_were_not_retrieved_rank_last() => Assert.Equal(int.MaxValue, List.RankOf(4, 1));
}

public sealed class AucTests
{
    [Fact]
    public void It_counts_the_pairs_in_the_right_order() =>
        // Positives 0.9 and 0.4 against negatives 0.5 and 0.1: three of four pairs are in order.
        Assert.Equal(0.75, Auc.Of([0.5f, 0.9f, 0.1f, 0.4f], [false, true, false, true]), 1e-9);

    [Fact]
    public void A_tie_counts_half() => Assert.Equal(0.5, Auc.Of([1, 1, 1], [true, false, false]), 1e-9);

    [Fact]
    public void NaN_scores_terminate() => Assert.InRange(Auc.Of([float.NaN, 1, float.NaN], [true, false, false]), 0, 1);

    [Fact]
    public void Without_both_classes_it_is_undefined() => Assert.Equal(0.5, Auc.Of([1, 2], [true, true]));
}
