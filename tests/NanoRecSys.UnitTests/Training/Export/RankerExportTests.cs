using System.IO.Compression;
using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Kernels;
using NanoRecSys.Training.Ranking;

namespace NanoRecSys.UnitTests.Training.Export;

/// <summary>Which ranker is exported with which retriever.</summary>
[Collection(SeededTorch.Name)]
public sealed class RankerExportTests : FolderTests
{
    [Fact]
    public async Task A_ranker_trained_for_other_weights_is_left_out_regardless_of_file_times()
    {
        StepContext context = await TrainedAsync();
        string ranker = Path.Combine(context.Workspace.RankerFolder, ModelFolder.WeightsName);
        string retriever = Path.Combine(context.Workspace.RetrieverFolder, ModelFolder.WeightsName);

        File.SetLastWriteTimeUtc(ranker, DateTime.UtcNow.AddDays(-1)); // a copied file may have an older time
        Assert.True(RankerExport.IsOfThisRetriever(context.Workspace, data: null));

        using (RetrieverNetwork tower = ModelFolder.ReadRetriever(context.Workspace.RetrieverFolder, data: null))
        {
            ModelFolder.Retriever.Write(context.Workspace.RefitFolder, tower.Model, tower.Weights(), "data", ModelFolder.HashOf(context.Workspace.RetrieverFolder));
        }

        Assert.Equal(
            $"The ranker was trained for the selected retriever, not for its refit. Delete {context.Workspace.RefitFolder} to serve the two.",
            RankerExport.MismatchOf(context.Workspace, data: null));
        Directory.Delete(context.Workspace.RefitFolder, recursive: true);

        TwoTastes.ReplaceRetriever(context);
        File.SetLastWriteTimeUtc(retriever, DateTime.UtcNow.AddDays(-2));
        Assert.False(RankerExport.IsOfThisRetriever(context.Workspace, data: null));
        Assert.Contains("another retriever. Run 'mine-negatives' and 'train-ranker' again", RankerExport.MismatchOf(context.Workspace, data: null), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ranker_that_does_not_record_its_retriever_is_left_out_and_refused_with_the_remedy()
    {
        var progress = new Collected<ProgressEvent>();
        StepContext context = await TrainedAsync() with { Progress = progress };
        using (RankerNetwork network = ModelFolder.ReadRanker(context.Workspace.RankerFolder, data: null))
        {
            ModelFolder.Ranker.Write(context.Workspace.RankerFolder, network.Model with { RetrieverSha256 = null }, NetworkWeights.Of(network), Provenance.Imported);
        }

        ExportReport report = await ExportStep.RunAsync(new ExportOptions { ParityHistories = 5 }, context);
        UserErrorException e = await Assert.ThrowsAsync<UserErrorException>(() => EvaluateStep.RunAsync(new EvaluateOptions { Models = ["ranker"] }, context));

        Assert.Null(report.RankerSha256);
        Assert.Contains(progress.Values, value => value.Message == $"The ranker is left out. {e.Message}");
        Assert.StartsWith("The ranker does not record its retriever", e.Message, StringComparison.Ordinal);
        Assert.Contains("Run 'train-ranker' again", e.Message, StringComparison.Ordinal);
    }

    private async Task<StepContext> TrainedAsync()
    {
        StepContext context = await TwoTastes.PrepareAsync(Folder, "a");
        await MineNegativesStep.RunAsync(TwoTastes.Negatives, context);
        await TrainRankerStep.RunAsync(new TrainRankerOptions { Hidden = [8], Epochs = 1, Candidates = 10 }, context);
        return context;
    }
}

public sealed class RankerChoiceTests
{
    [Theory]
    [InlineData(0.20, 0.19, true)]
    [InlineData(0.19, 0.19, true)]
    [InlineData(0.18, 0.19, false)]
    [InlineData(double.NaN, 0.19, false)]
    public void It_is_published_unless_it_is_worse_on_validation(double ranker, double retriever, bool published)
    {
        RankerChoice choice = RankerChoice.Make(RankerUse.IfBetter, isExported: true,
        [
            Result("retriever", "validation", retriever), Result("ranker", "validation", ranker),
            Result("retriever", "test", 1 - retriever), Result("ranker", "test", 1 - ranker),
        ]);
        Assert.Equal(published, choice.Use);
        Assert.Contains("0.1900", choice.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_ranker_that_finds_nothing_is_left_out_even_beside_a_retriever_that_finds_nothing()
    {
        RankerChoice choice = RankerChoice.Make(RankerUse.IfBetter, isExported: true, [Result("retriever", "validation", 0), Result("ranker", "validation", 0)]);

        Assert.False(choice.Use);
        Assert.Contains("finds nothing", choice.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_figures_of_both_it_is_left_out()
    {
        RankerChoice choice = RankerChoice.Make(RankerUse.IfBetter, isExported: true,
            [Result("ranker", "validation", 0.5), Result("retriever", "test", 0.1)]);
        Assert.False(choice.Use);
        Assert.Contains("Run 'evaluate --split both' first", choice.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void An_explicit_choice_is_obeyed_if_there_is_a_ranker()
    {
        EvaluationResult[] losing = [Result("retriever", "validation", 0.2), Result("ranker", "validation", 0.1)];
        Assert.True(RankerChoice.Make(RankerUse.Always, isExported: true, losing).Use);
        Assert.False(RankerChoice.Make(RankerUse.Never, isExported: true, []).Use);
        Assert.False(RankerChoice.Make(RankerUse.Always, isExported: false, []).Use);
    }

    private static EvaluationResult Result(string model, string split, double ndcg) =>
        new(model, split, 671, 9066, "history", new Dictionary<string, double> { ["ndcg@10"] = ndcg });
}

public sealed class RankerGraphTests : FolderTests
{
    private const int Dimension = 64;
    private const int Candidates = 100;
    private const int Genres = 21;

    [Theory]
    [InlineData(false, 1e-4f)]
    [InlineData(true, 0.02f)] // 8 bits are inexact
    public void Its_parts_give_the_same_logits(bool isInt8, float tolerance)
    {
        using ZipArchive reference = ZipFile.OpenRead(RepositoryFolder.Shared("parity", "model", "ranker_case.npz"));
        (float[] table, _) = NpyFile.Read(RepositoryFolder.Shared("parity", "model", "item_embeddings.npy"));
        float[] items = [.. NpzArray.Read<long>(reference, "items").SelectMany(row => table[(int)(row * Dimension)..(int)((row + 1) * Dimension)])];
        float[] flags = NpzArray.Read<float>(reference, "unknown");
        float[] known = [.. items.Select((value, place) => value * (1 - flags[place / Dimension]))];
        (string itemsPath, string candidatesPath) = (Folder.File("items.onnx"), Folder.File("candidates.onnx"));
        RankerGraph.WriteParts(itemsPath, candidatesPath, Dimension, SafetensorsFile.Read(RepositoryFolder.Shared("parity", "model", "ranker.safetensors")), isInt8: isInt8);

        using OrtValue item = Tensor(items, Candidates, Dimension);
        using OrtValue popularity = Tensor(NpzArray.Read<float>(reference, "popularity"), Candidates, 1);
        using OrtValue year = Tensor(NpzArray.Read<long>(reference, "years"), Candidates);
        using OrtValue genres = Tensor(NpzArray.Read<float>(reference, "genres"), Candidates, Genres);
        using OrtValue unknown = Tensor(flags, Candidates, 1);
        using var itemSession = OnnxSession.Open(itemsPath);
        using var candidateSession = OnnxSession.Open(candidatesPath);
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> parts = itemSession.Run(
            options, ["item_embeddings", "popularity", "year", "genres", "unknown"], [item, popularity, year, genres, unknown], ["item_part"]);
        using OrtValue user = Tensor(NpzArray.Read<float>(reference, "user"), 1, Dimension);
        using OrtValue knownValue = Tensor(known, Candidates, Dimension);
        using IDisposableReadOnlyCollection<OrtValue> outputs = candidateSession.Run(
            options, ["user_embedding", "item_embeddings", "item_part"], [user, knownValue, parts[0]], ["logits"]);

        float[] expected = NpzArray.Read<float>(reference, "expected_logits");
        Assert.All(expected.Zip(outputs[0].GetTensorDataAsSpan<float>().ToArray()), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }

    [Fact]
    public void Weights_of_another_width_are_refused()
    {
        IReadOnlyDictionary<string, NamedTensor> weights =
            SafetensorsFile.Read(RepositoryFolder.Shared("parity", "model", "ranker.safetensors"));
        Assert.Refused<InvalidDataException>(() => RankerGraph.Write(Folder.File("ranker.onnx"), 32, weights), "'mlp.0.weight' is [64, 218], the configuration asks for [64, 122]");
    }

    private static OrtValue Tensor<T>(T[] values, params long[] shape)
        where T : unmanaged => OrtValue.CreateTensorValueFromMemory(values, shape);
}
