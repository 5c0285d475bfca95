using NanoRecSys.Training.Kernels;
using NanoRecSys.Training.Retrieval;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Retrieval;

[Collection(SeededTorch.Name)]
public sealed class RetrieverLossTests
{
    [Theory]
    [InlineData(3_416, 288)] // 4 MiB of logits fit the cache
    [InlineData(57_289, 1024)] // too many items for that
    [InlineData(1_000_000, 128)] // 1,024 rows would take 4 GB
    [InlineData(100_000_000, 32)]
    public void A_chunk_of_logits_fits_into_the_cache_or_at_least_into_memory(long items, long rows) =>
        Assert.Equal(rows, FullSoftmaxLoss.RowsPerChunk(items));

    [Fact]
    public void Full_softmax_is_the_cross_entropy_over_all_items()
    {
        double loss = OnAxes((users, items) => new FullSoftmaxLoss(0.5).Backward(users, items, tensor(new long[] { 0, 2 })));

        // Logits at temperature 0.5: (2, 0, -2) with target 0, and (0, 2, 0) with target 2.
        double first = Math.Log(Math.Exp(2) + 1 + Math.Exp(-2)) - 2;
        double second = Math.Log(2 + Math.Exp(2));
        Assert.Equal((first + second) / 2, loss, 1e-6);
    }

    [Theory]
    [InlineData(700, 8_000)] // 128 rows per chunk fit the cache
    [InlineData(1_100, 9_000)] // too many items for the cache: 1,024 rows per chunk
    public void Full_softmax_has_the_same_gradients_in_chunks_as_at_once(int positions, int catalogue)
    {
        using var scope = NewDisposeScope();
        RequireSame(
            Gradients(positions, catalogue, 4, (users, items, targets) =>
            {
                Tensor atOnce = nn.functional.cross_entropy(users.matmul(items.t()) / 0.3, targets);
                atOnce.backward();
                return atOnce.item<float>();
            }),
            Gradients(positions, catalogue, 4, (users, items, targets) => new FullSoftmaxLoss(0.3).Backward(users, items, targets)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void In_batch_loss_takes_the_other_targets_as_negatives_and_subtracts_the_log_of_their_shares(bool isDecoupled)
    {
        double loss = OnAxes((users, items) => new InfoNceLoss(1, tensor(new float[] { MathF.Log(0.5f), MathF.Log(0.25f), MathF.Log(0.25f) }), isDecoupled)
            .Backward(users, items, tensor(new long[] { 0, 1 })));

        // exp(cosine) / share: row 0 sees (2e, 4), row 1 sees (2, 4e). Decoupled, the positive is not in the denominator.
        double first = Math.Log((isDecoupled ? 4 : 2 * Math.E + 4) / (2 * Math.E));
        double second = Math.Log((isDecoupled ? 2 : 2 + 4 * Math.E) / (4 * Math.E));
        Assert.Equal((first + second) / 2, loss, 1e-6);
    }

    [Fact]
    public void In_batch_loss_excludes_other_positions_with_the_same_item() =>
        Assert.Equal(0, OnAxes((users, items) => new InfoNceLoss(1, zeros(3)).Backward(users, items, tensor(new long[] { 0, 0 }))), 1e-6);

    [Fact]
    public void In_batch_loss_has_the_same_gradients_in_chunks_as_at_once()
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        Tensor logShares = randn(6);
        RequireSame(Of(rowsPerChunk: 10), Of(rowsPerChunk: 3));

        (double, Tensor, Tensor) Of(int rowsPerChunk) =>
            Gradients(10, 6, 4, (users, items, targets) => new InfoNceLoss(0.5, logShares, rowsPerChunk: rowsPerChunk).Backward(users, items, targets));
    }

    [Fact]
    public void Decoupled_loss_of_positions_without_negatives_is_zero()
    {
        using Tensor users = tensor(new float[] { 1, 0 }, [1, 2]).requires_grad_();
        using Tensor items = tensor(new float[] { 1, 0, 0, 1 }, [2, 2]).requires_grad_();
        using Tensor targets = tensor(new long[] { 1 });
        using Tensor logShares = zeros(2);

        Assert.Equal(0, new InfoNceLoss(0.05, logShares, isDecoupled: true).Backward(users, items, targets));
        Assert.Equal([0, 0], users.grad!.data<float>().ToArray());
    }

    [Fact]
    public void Sampled_softmax_ranks_the_target_among_the_drawn_items_but_not_against_itself()
    {
        double loss = OnAxes((users, items) => new SampledSoftmaxLoss(1, negatives: 3).Backward(
            users, items, tensor(new long[] { 0, 1 }), tensor(new long[] { 2, 0, 2 })));

        // Row 0 sees its own cosine 1 and twice -1 (the drawn item 0 is its target); row 1 its own 1 and three times 0.
        double first = Math.Log(Math.E + (2 / Math.E)) - 1;
        double second = Math.Log(Math.E + 3) - 1;
        Assert.Equal((first + second) / 2, loss, 1e-6);
    }

    [Theory]
    [InlineData(RetrieverLoss.FullSoftmax)]
    [InlineData(RetrieverLoss.InfoNce)]
    [InlineData(RetrieverLoss.Dcl)]
    [InlineData(RetrieverLoss.SampledSoftmax)]
    public void In_reduced_precision_the_gradients_are_the_same_but_for_rounding(RetrieverLoss kind)
    {
        using var scope = NewDisposeScope();
        (double exact, Tensor gradient, _) = Gradients(300, 500, 16, (users, items, targets) => Create(kind).Backward(users, items, targets));
        (double reduced, Tensor rounded, _) = Gradients(300, 500, 16, (users, items, targets) => Create(kind, isReduced: true).Backward(users, items, targets));

        Assert.Equal(exact, reduced, 2e-3 * Math.Abs(exact));
        Assert.InRange(nn.functional.cosine_similarity(gradient.flatten(), rounded.flatten(), dim: 0).item<float>(), 0.9998f, 1.0001f);
    }

    [Theory]
    [InlineData(RetrieverLoss.FullSoftmax, false)]
    [InlineData(RetrieverLoss.FullSoftmax, true)]
    [InlineData(RetrieverLoss.SampledSoftmax, false)]
    [InlineData(RetrieverLoss.InfoNce, false)]
    [InlineData(RetrieverLoss.Dcl, false)]
    public void A_position_of_weight_three_equals_three_positions(RetrieverLoss kind, bool isReduced)
    {
        // The same user and target three times, or once with three times the weight of the other position.
        (double thrice, float[] items, _) = Backward([0, 0, 0, 1], weights: null);
        (double weighted, float[] itemsWeighted, double pull) = Backward([0, 1], [3, 1]);
        (_, _, double pullUnweighted) = Backward([0, 1], weights: null);

        if (kind is not (RetrieverLoss.InfoNce or RetrieverLoss.Dcl)) // their negatives are the other positions
        {
            Assert.Equal(thrice, weighted, isReduced ? 1e-2 : 1e-5);
            Assert.All(items.Zip(itemsWeighted), pair => Assert.Equal(pair.First, pair.Second, isReduced ? 1e-2f : 1e-5f));
        }

        Assert.Equal(3 * pullUnweighted, pull, isReduced ? 1e-2 : 1e-4);

        (double Loss, float[] Items, double Pull) Backward(int[] positions, float[]? weights)
        {
            using var scope = NewDisposeScope();
            float[][] rows = [[0.6f, 0.8f], [0.8f, -0.6f]];
            Tensor users = tensor(positions.SelectMany(position => rows[position]).ToArray(), [positions.Length, 2]).requires_grad_();
            Tensor items = tensor(new float[] { 1, 0, 0, 1, -1, 0 }, [3, 2]).requires_grad_();
            Tensor targets = tensor(Array.ConvertAll(positions, position => (long)position));
            PositionWeights? counted = weights is null ? null : PositionWeights.Of(weights, CPU);
            double loss = kind switch
            {
                RetrieverLoss.FullSoftmax => new FullSoftmaxLoss(0.5, isReduced).Backward(users, items, targets, counted),
                RetrieverLoss.SampledSoftmax => new SampledSoftmaxLoss(0.5, 2).Backward(users, items, targets, tensor(new long[] { 2, 1 }), counted),
                _ => new InfoNceLoss(0.5, zeros(3), kind == RetrieverLoss.Dcl).Backward(users, items, targets, counted),
            };
            float[] lengths = users.grad!.norm(1).data<float>().ToArray();
            return (loss, items.grad!.data<float>().ToArray(), lengths[0] / lengths[^1]);
        }
    }

    [Theory]
    [InlineData(RetrieverLoss.FullSoftmax)]
    [InlineData(RetrieverLoss.SampledSoftmax)]
    [InlineData(RetrieverLoss.InfoNce)]
    public void Weights_of_one_change_nothing(RetrieverLoss kind)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(Gradient(null), Gradient(PositionWeights.Of([.. Enumerable.Repeat(1f, 300)], CPU)));

        float[] Gradient(PositionWeights? weights)
        {
            (_, Tensor users, Tensor items) = Gradients(300, 500, 16, (users, items, targets) => Create(kind).Backward(users, items, targets, weights));
            return [.. users.data<float>(), .. items.data<float>()];
        }
    }

    [Fact]
    public void Shares_are_smoothed_so_that_unseen_items_have_one() =>
        Assert.Equal([MathF.Log(0.5f), MathF.Log(0.125f), MathF.Log(0.375f)], InfoNceLoss.LogShares([3, 0, 2]), (a, b) => MathF.Abs(a - b) < 1e-6f);

    private static IRetrieverLoss Create(RetrieverLoss kind, bool isReduced = false) => kind switch
    {
        RetrieverLoss.FullSoftmax => new FullSoftmaxLoss(0.3, isReduced),
        RetrieverLoss.SampledSoftmax => new SampledSoftmaxLoss(0.3, 70, isReduced),
        _ => new InfoNceLoss(0.3, zeros(500), kind == RetrieverLoss.Dcl, isReduced),
    };

    /// <summary>Users (1, 0) and (0, 1), items (1, 0), (0, 1) and (-1, 0).</summary>
    private static double OnAxes(Func<Tensor, Tensor, double> backward)
    {
        using var scope = NewDisposeScope();
        return backward(tensor(new float[] { 1, 0, 0, 1 }, [2, 2]).requires_grad_(), tensor(new float[] { 1, 0, 0, 1, -1, 0 }, [3, 2]).requires_grad_());
    }

    /// <summary>Always with the same users, items and targets.</summary>
    private static (double Loss, Tensor Users, Tensor Items) Gradients(int positions, int catalogue, int width, Func<Tensor, Tensor, Tensor, double> backward)
    {
        manual_seed(3);
        Tensor users = UnitRows(positions, width), items = UnitRows(catalogue, width), targets = randint(0, catalogue, positions, int64);
        double loss = backward(users, items, targets);
        return (loss, users.grad!, items.grad!);
    }

    private static void RequireSame((double Loss, Tensor Users, Tensor Items) expected, (double Loss, Tensor Users, Tensor Items) actual)
    {
        Assert.Equal(expected.Loss, actual.Loss, 1e-4);
        Assert.True(allclose(expected.Users, actual.Users, 1e-4, 1e-7));
        Assert.True(allclose(expected.Items, actual.Items, 1e-4, 1e-7));
    }

    private static Tensor UnitRows(long rows, long columns) => nn.functional.normalize(randn(rows, columns), 2, 1).requires_grad_();
}

[Collection(SeededTorch.Name)]
public sealed class TowerReplicasTests
{
    private static readonly ModelInfo Model =
        new(BlockKinds.Gated, 16, 2, 2, 32, 10, 30, 500, 0, "full-softmax", 0.1) { Positions = Positions.Relative };

    private static readonly DataSplit Split = new LeaveOneOut(new UserHistories(
        [1, 2, 3], [0, 11, 16, 24], [.. Enumerable.Range(0, 24).Select(i => i * 7 % 30)]));

    private static readonly SequenceWindow[] Windows = [new(0, 0, 9), new(1, 0, 3), new(2, 0, 6)];
    private static readonly FullSoftmaxLoss Loss = new(0.1);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_step_in_two_parts_has_the_gradients_of_the_whole(bool hasContent)
    {
        Assert.SkipUnless(NetworkOperations.Best.AllowsThreads, "This processor has no 512-bit vectors.");
        AssertSameStep(tower =>
        {
            using var replicas = new TowerReplicas(tower, count: 2);
            using SequenceBatch first = Batch(Windows.AsSpan(..1)), second = Batch(Windows.AsSpan(1..));
            return replicas.Backward([first, second], Loss);
        }, hasContent: hasContent);
    }

    [Fact]
    public void A_step_with_filler_sequences_has_the_same_gradients() => AssertSameStep(tower =>
    {
        using SequenceBatch batch = Batch(Windows, multiple: 40);
        return RetrieverTrainer.Backward(tower, batch, Loss);
    });

    [Fact]
    public void A_step_in_two_parts_of_unequal_weight_has_the_gradients_of_the_whole()
    {
        Assert.SkipUnless(NetworkOperations.Best.AllowsThreads, "This processor has no 512-bit vectors.");
        var weighted = new LeaveOneOut(new UserHistories(
            [1, 2, 3], [0, 11, 16, 24], [.. Enumerable.Range(0, 24).Select(i => i * 7 % 30)], weights: [.. Enumerable.Range(1, 24).Select(i => 1f / i)]));
        AssertSameStep(tower =>
        {
            using var replicas = new TowerReplicas(tower, count: 2);
            using SequenceBatch first = Batch(Windows.AsSpan(..1), split: weighted), second = Batch(Windows.AsSpan(1..), split: weighted);
            return replicas.Backward([first, second], Loss);
        }, weighted);
    }

    private static void AssertSameStep(Func<UserTower, double> step, DataSplit? split = null, bool hasContent = false)
    {
        manual_seed(2);
        Tensor? content = hasContent ? ItemContent.FeaturesOf(new Catalog([.. Enumerable.Range(0, Model.Items).Select(row => new CatalogItem(row, row, "", [$"c{row % 4}"], 1))]), CPU) : null;
        using var tower = new UserTower(Model, content: content);
        using SequenceBatch whole = Batch(Windows, split: split);
        double expected = RetrieverTrainer.Backward(tower, whole, Loss);
        float[][] gradients = [.. tower.parameters().Select(Values)];
        tower.zero_grad();

        double actual = step(tower);

        Assert.Equal(expected, actual, 1e-5);
        Assert.All(gradients.Zip(tower.parameters().Select(Values)), pair =>
            Assert.All(pair.First.Zip(pair.Second), values => Assert.Equal(values.First, values.Second, 2e-5f)));
    }

    private static SequenceBatch Batch(ReadOnlySpan<SequenceWindow> windows, int multiple = 1, DataSplit? split = null) =>
        SequenceBatch.Create(windows, split ?? Split, hasTimes: false, CPU, multiple: multiple);

    private static float[] Values(Parameter parameter) => [.. parameter.grad!.contiguous().data<float>()];
}
