using System.Globalization;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Ranking;

namespace NanoRecSys.Training.Export;

/// <summary>What the header of exported weights says of the network, as the weights alone do not.</summary>
internal static class WeightsMetadata
{
    public const string Kind = "kind";
    public const string Positions = "positions";
    public const string Heads = "heads";
    public const string MaxLength = "max_length";
    public const string RopeBase = "rope_base";
    public const string Genres = "genres";

    public static IReadOnlyDictionary<string, string> Of(ModelInfo model) => new Dictionary<string, string>
    {
        ["format"] = "pt", // Some readers take a file without it for another framework's.
        [Kind] = model.Kind,
        [Positions] = model.Positions,
        [Heads] = Invariant(model.Heads),
        [MaxLength] = Invariant(model.MaxLength),
        [RopeBase] = Invariant(model.RopeBase),
    };

    public static IReadOnlyDictionary<string, string> Of(RankerModel model) => new Dictionary<string, string>
    {
        ["format"] = "pt",
        [Genres] = string.Join('|', model.Genres),
    };

    private static string Invariant(double number) => number.ToString(CultureInfo.InvariantCulture);
}
