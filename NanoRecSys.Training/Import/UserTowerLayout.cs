using System.Text.RegularExpressions;
using NanoRecSys.Training.Export;

namespace NanoRecSys.Training.Import;

/// <summary>What a user tower's weights tell of its sizes.</summary>
/// <param name="Items">V</param>
/// <param name="Dimension">D</param>
/// <param name="Blocks">N</param>
/// <param name="FeedForward">F</param>
internal sealed partial record UserTowerLayout(int Items, int Dimension, int Blocks, int FeedForward)
{
    public const string RotaryName = "rope.inv_freq";

    /// <summary>Names by which a user tower is found among others.</summary>
    public static readonly string[] Landmarks = ["embedding.weight", "projection.weight"];

    [GeneratedRegex(@"^blocks\.(?<index>0|[1-9][0-9]{0,3})\.", RegexOptions.CultureInvariant)]
    private static partial Regex BlockName();

    /// <summary>Every tensor but <see cref="RotaryName"/>, in the order of the layers.</summary>
    public IReadOnlyList<ExpectedTensor> Tensors => Expect(Items, Dimension, Blocks, FeedForward);

    /// <exception cref="InvalidDataException">Names every tensor that is missing, of another shape, or not expected.</exception>
    public static UserTowerLayout Of(PretrainedWeights weights)
    {
        IReadOnlyDictionary<string, NamedTensor> tensors = weights.Tensors;
        int blocks = Math.Max(1, tensors.Keys.Select(name => BlockName().Match(name)).Where(match => match.Success).Select(match => match.Groups["index"].Value).Distinct().Count());
        long? items = Size(tensors, "embedding.weight", 0);
        long? dimension = Size(tensors, "embedding.weight", 1) ?? Size(tensors, "norm.weight", 0) ?? Size(tensors, "projection.bias", 0);
        long? hidden = Size(tensors, "blocks.0.mlp.w_2.weight", 1);
        ExpectedTensor.RequireAll("a user tower", weights, Expect(items, dimension, blocks, hidden), name => name == RotaryName);
        return new UserTowerLayout((int)items!, (int)dimension!, blocks, (int)hidden!);
    }

    private static List<ExpectedTensor> Expect(long? items, long? dimension, int blocks, long? hidden)
    {
        List<ExpectedTensor> expected = [new("embedding.weight", items, dimension)];
        for (int i = 0; i < blocks; i++)
        {
            expected.AddRange(
            [
                new($"blocks.{i}.norm1.weight", dimension),
                new($"blocks.{i}.attn.qkv_proj.weight", 3 * dimension, dimension),
                new($"blocks.{i}.attn.qkv_proj.bias", 3 * dimension),
                new($"blocks.{i}.attn.out_proj.weight", dimension, dimension),
                new($"blocks.{i}.attn.out_proj.bias", dimension),
                new($"blocks.{i}.norm2.weight", dimension),
                new($"blocks.{i}.mlp.w_gate_val.weight", 2 * hidden, dimension),
                new($"blocks.{i}.mlp.w_2.weight", dimension, hidden),
            ]);
        }

        expected.AddRange([new("norm.weight", dimension), new("projection.weight", dimension, dimension), new("projection.bias", dimension)]);
        return expected;
    }

    private static long? Size(IReadOnlyDictionary<string, NamedTensor> tensors, string name, int dimension) =>
        tensors.TryGetValue(name, out NamedTensor? tensor) && dimension < tensor.Shape.Length ? tensor.Shape[dimension] : null;
}
