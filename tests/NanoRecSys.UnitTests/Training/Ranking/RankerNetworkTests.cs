using System.IO.Compression;
using System.Runtime.InteropServices;
using NanoRecSys.Core.Data;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Ranking;
using NanoRecSys.UnitTests.Fixtures;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Ranking;

[Collection(SeededTorch.Name)]
public sealed class RankerNetworkTests
{
    public RankerNetworkTests() => LibTorch.Load();

    [Fact]
    public void It_computes_what_the_reference_implementation_does()
    {
        using var network = new RankerNetwork(new RankerModel(64, [64, 32, 16], Genres(21), 0.2, 0));
        NetworkWeights.Load(network, SafetensorsFile.Read(RepositoryFolder.Shared("parity", "model", "ranker.safetensors")));
        network.eval();
        using ZipArchive archive = ZipFile.OpenRead(RepositoryFolder.Shared("parity", "model", "ranker_case.npz"));
        float[] Read(string name) => ReadArray(archive, name);
        using Tensor table = tensor(NpyFile.Read(RepositoryFolder.Shared("parity", "model", "item_embeddings.npy")).Values, [500, 64]);
        using Tensor items = table.index_select(0, tensor(Read("items")).to(int64)); // [100, 64]

        using Tensor logits = network.forward(new RankerInputs(
            tensor(Read("user"), [1, 64]), items, tensor(Read("popularity"), [100, 1]),
            tensor(Read("years")).to(int64), tensor(Read("genres"), [100, 21]), tensor(Read("unknown"), [100, 1])));

        float[] expected = Read("expected_logits");
        Assert.Equal(100, expected.Length);
        Assert.All(expected.Zip(logits.data<float>().ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
    }

    [Fact]
    public void Its_weights_go_by_the_names_of_the_published_layout()
    {
        using var network = new RankerNetwork(new RankerModel(4, [7, 6, 5], Genres(3), 0.2, 0));

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
        using var network = new RankerNetwork(new RankerModel(4, [64, 32, 16], Genres(3), 0.2, 0));
        network.eval();
        float Logit(float item, float unknown) => network.forward(new RankerInputs(
            ones(1, 4), full(1, 4, item), ones(1, 1), zeros(1, int64), ones(1, 3), full(1, 1, unknown))).item<float>();

        Assert.Equal(Logit(0.1f, unknown: 1), Logit(0.9f, unknown: 1));
        Assert.NotEqual(Logit(0.1f, unknown: 0), Logit(0.9f, unknown: 0));
    }

    private static string[] Genres(int count) => [.. Enumerable.Range(0, count).Select(i => $"genre {i}")];

    // Enough of NumPy's format for these files: version 1.0, 4-byte floats or 8-byte integers.
    private static float[] ReadArray(ZipArchive archive, string name)
    {
        using var bytes = new MemoryStream();
        using (Stream entry = archive.GetEntry(name + ".npy")!.Open())
        {
            entry.CopyTo(bytes);
        }

        ReadOnlySpan<byte> all = bytes.ToArray();
        int header = BitConverter.ToUInt16(all[8..]);
        string description = System.Text.Encoding.ASCII.GetString(all.Slice(10, header));
        ReadOnlySpan<byte> data = all[(10 + header)..];
        return description.Contains("<f4", StringComparison.Ordinal)
            ? MemoryMarshal.Cast<byte, float>(data).ToArray()
            : Array.ConvertAll(MemoryMarshal.Cast<byte, long>(data).ToArray(), value => (float)value);
    }
}
