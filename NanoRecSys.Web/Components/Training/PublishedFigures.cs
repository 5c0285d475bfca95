namespace NanoRecSys.Web.Components.Training;

/// <summary>
/// Published figures by data set. Figures under different protocols are not
/// comparable, so each states whether it uses the same sequences.
/// </summary>
/// <param name="Model">The authors' name for it.</param>
/// <param name="Source">The publication.</param>
/// <param name="HitRate">HR@10 with the whole catalog ranked.</param>
/// <param name="Ndcg">NDCG@10; null if not given.</param>
/// <param name="SameSequences">Whether data, split and protocol match ours.</param>
public sealed record PublishedFigure(string Model, string Source, double HitRate, double? Ndcg, bool SameSequences);

/// <summary>The published figures.</summary>
public static class PublishedFigures
{
    private const string LruRec = "Yue et al., WSDM 2024, main table";
    private const string Hstu = "Zhai et al., ICML 2024";

    private static readonly PublishedFigure[] SameMillion =
    [
        new("FPMC", LruRec, .2303, .1203, true), new("GRU4Rec", LruRec, .2962, .1693, true), new("NARM", LruRec, .2864, .1665, true),
        new("BERT4Rec", LruRec, .3089, .1638, true), new("SASRec, full softmax", LruRec, .3181, .1902, true), new("LRURec", LruRec, .3264, .1930, true),
    ];

    private static readonly PublishedFigure[] OtherMillion =
    [
        new("SASRec", Hstu, .2853, .1603, false), new("HSTU", Hstu, .3097, .1720, false), new("HSTU-large", Hstu, .3294, .1893, false),
        new("HSTU-large + MoL", Hstu + ", code", .3412, .1979, false), new("eSASRec", "eSASRec", .3133, .1772, false),
        new("HSTU-large", "RecTools", .3642, .2164, false),
    ];

    private static readonly PublishedFigure[] TwentyMillion =
    [
        new("SASRec, 3,000 negatives", "eSASRec", .3090, .1872, false), new("HSTU-large", Hstu, .3556, .2098, false),
        new("FuXi-Linear", "FuXi-Linear", .3592, .2131, false), new("HSTU-large + MoL", Hstu + ", code", .3661, .2181, false),
    ];

    /// <summary>Data sets with published figures.</summary>
    public static IReadOnlyList<string> Datasets { get; } = ["ml-1m-sequences", "ml-1m", "ml-20m"];

    /// <param name="dataset">As the manifest names it.</param>
    /// <returns>Empty if there are none.</returns>
    public static IReadOnlyList<PublishedFigure> Of(string? dataset) => dataset switch
    {
        "ml-1m-sequences" => [.. SameMillion, .. OtherMillion],
        "ml-1m" => [.. SameMillion.Select(figure => figure with { SameSequences = false }), .. OtherMillion],
        "ml-20m" => TwentyMillion,
        _ => [],
    };
}
