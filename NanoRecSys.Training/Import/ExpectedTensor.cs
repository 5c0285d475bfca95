using NanoRecSys.Training.Export;

namespace NanoRecSys.Training.Import;

/// <summary>One tensor that a network must have.</summary>
/// <param name="Name">In the state dictionary.</param>
/// <param name="Shape">Null where the weights do not tell a size, as another tensor is missing.</param>
internal sealed record ExpectedTensor(string Name, params long?[] Shape)
{
    private const int MostNamed = 200;

    /// <summary>Holds a state dictionary against a whole network's tensors, and names everything that is wrong at once.</summary>
    /// <param name="network">What it should be: <c>a user tower</c>.</param>
    /// <param name="weights">What is there.</param>
    /// <param name="expected">All that must be.</param>
    /// <param name="isIgnored">What may be there and is not needed.</param>
    /// <exception cref="InvalidDataException">A tensor is missing, of another shape, not a number, or not expected.</exception>
    public static void RequireAll(string network, PretrainedWeights weights, IReadOnlyList<ExpectedTensor> expected, Func<string, bool> isIgnored)
    {
        HashSet<string> known = [.. expected.Select(tensor => tensor.Name)];
        List<string> missing = [];
        List<string> misshapen = [];
        List<string> infinite = [];
        foreach (ExpectedTensor tensor in expected)
        {
            if (!weights.Tensors.TryGetValue(tensor.Name, out NamedTensor? found))
            {
                missing.Add(PrintableName.Of(tensor.Name));
            }
            else if (!tensor.Fits(found.Shape))
            {
                misshapen.Add($"{PrintableName.Of(tensor.Name)} is [{string.Join(", ", found.Shape)}], expected [{string.Join(", ", tensor.Shape.Select(size => size?.ToString() ?? "?"))}]");
            }
            else if (!found.Values.All(float.IsFinite))
            {
                infinite.Add(PrintableName.Of(tensor.Name));
            }
        }

        List<string> unexpected = [.. weights.Tensors.Keys.Where(name => !known.Contains(name) && !isIgnored(name)).Order(StringComparer.Ordinal).Select(PrintableName.Of)];
        string[] problems = [.. Problem("missing: ", missing), .. Problem("of another shape: ", misshapen), .. Problem("not finite: ", infinite), .. Problem("unexpected: ", unexpected)];
        if (problems.Length > 0)
        {
            throw new InvalidDataException($"{weights.Path} is not {network} that can be imported; {string.Join("; ", problems)}.");
        }
    }

    private static IEnumerable<string> Problem(string what, List<string> tensors) => tensors.Count == 0
        ? []
        : [what + string.Join(", ", tensors.Take(MostNamed)) + (tensors.Count > MostNamed ? $" and {tensors.Count - MostNamed} more" : "")];

    private bool Fits(long[] shape) => shape.Length == Shape.Length && shape.Zip(Shape).All(size => size.First > 0 && (size.Second ?? size.First) == size.First);
}
