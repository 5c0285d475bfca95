using System.IO.Compression;
using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Kernels;

namespace NanoRecSys.UnitTests.Training.Export;

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
