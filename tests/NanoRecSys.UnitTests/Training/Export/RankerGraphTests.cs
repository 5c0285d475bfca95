using System.IO.Compression;
using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Data;
using NanoRecSys.Training.Export;
using NanoRecSys.UnitTests.Fixtures;

namespace NanoRecSys.UnitTests.Training.Export;

public sealed class RankerGraphTests : IDisposable
{
    private const int Dimension = 64;
    private const int Candidates = 100;
    private const int Genres = 21;
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_graph_gives_the_logits_of_the_reference_implementation()
    {
        using ZipArchive reference = ZipFile.OpenRead(RepositoryFolder.Shared("parity", "model", "ranker_case.npz"));
        (float[] table, _) = NpyFile.Read(RepositoryFolder.Shared("parity", "model", "item_embeddings.npy"));
        float[] items = [.. NpzArray.Read<long>(reference, "items").SelectMany(row => table[(int)(row * Dimension)..(int)((row + 1) * Dimension)])];
        using OrtValue user = Tensor(NpzArray.Read<float>(reference, "user"), 1, Dimension);
        using OrtValue item = Tensor(items, Candidates, Dimension);
        using OrtValue popularity = Tensor(NpzArray.Read<float>(reference, "popularity"), Candidates, 1);
        using OrtValue year = Tensor(NpzArray.Read<long>(reference, "years"), Candidates);
        using OrtValue genres = Tensor(NpzArray.Read<float>(reference, "genres"), Candidates, Genres);
        using OrtValue unknown = Tensor(NpzArray.Read<float>(reference, "unknown"), Candidates, 1);
        var inputs = new Dictionary<string, OrtValue>
        {
            ["user_embedding"] = user,
            ["item_embeddings"] = item,
            ["popularity"] = popularity,
            ["year"] = year,
            ["genres"] = genres,
            ["unknown"] = unknown,
        };

        string path = _folder.File("ranker.onnx");
        RankerGraph.Write(path, Dimension, SafetensorsFile.Read(RepositoryFolder.Shared("parity", "model", "ranker.safetensors")));
        using var session = new InferenceSession(path);
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(options, inputs, ["logits"]);

        float[] expected = NpzArray.Read<float>(reference, "expected_logits");
        ReadOnlySpan<float> actual = outputs[0].GetTensorDataAsSpan<float>();
        Assert.Equal(Candidates, actual.Length);
        Assert.True(expected.Max() - expected.Min() > 0.1, "logits that hardly differ would prove nothing");
        for (int i = 0; i < Candidates; i++)
        {
            Assert.Equal(expected[i], actual[i], 1e-4f);
        }
    }

    [Fact]
    public void Weights_of_another_width_are_refused()
    {
        IReadOnlyDictionary<string, NamedTensor> weights =
            SafetensorsFile.Read(RepositoryFolder.Shared("parity", "model", "ranker.safetensors"));
        InvalidDataException e = Assert.Throws<InvalidDataException>(() => RankerGraph.Write(_folder.File("ranker.onnx"), 32, weights));
        Assert.Contains("'mlp.0.weight' is [64, 218], the configuration asks for [64, 122]", e.Message, StringComparison.Ordinal);
    }

    private static OrtValue Tensor<T>(T[] values, params long[] shape)
        where T : unmanaged => OrtValue.CreateTensorValueFromMemory(values, shape);
}
