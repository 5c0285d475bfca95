namespace NanoRecSys.Contracts;

/// <summary>One model's metrics on one split.</summary>
/// <param name="Model"><c>popularity</c>, <c>item-knn</c>, <c>retriever</c>, <c>ranker</c>, ...</param>
/// <param name="Split"><c>validation</c> or <c>test</c>.</param>
/// <param name="Users">Number of users averaged over.</param>
/// <param name="Items">Size of the catalog that was ranked.</param>
/// <param name="Exclude">Which items were left out of the ranking: <c>history</c>, <c>window</c>, <c>none</c>.</param>
/// <param name="Metrics">By name: <c>hr@10</c>, <c>ndcg@10</c>, <c>mrr@10</c>, <c>recall@10</c>, ...</param>
public sealed record EvaluationResult(
    string Model, string Split, int Users, int Items, string Exclude, IReadOnlyDictionary<string, double> Metrics)
{
    /// <summary>The protocol comparable with published results: the model's own scores, ranked over the whole catalog.</summary>
    public const string FullRanking = "full";

    /// <summary>The evaluation protocol: <see cref="FullRanking"/>, or for example <c>sampled-uniform-100</c>.</summary>
    public string Protocol { get; init; } = FullRanking;

    /// <summary>Number of latest history items that were left out; only with <c>window</c>.</summary>
    public int? Window { get; init; }

    /// <summary>
    /// Users not counted in <see cref="Users"/> because the ranking leaves out the item to predict: they had it before. The
    /// same for all models; null if there are none.
    /// </summary>
    public int? Repeats { get; init; }

    /// <summary>True if the model also trained on the validation items; see <c>refit</c>.</summary>
    public bool? Refit { get; init; }

    /// <summary>False if the metrics are not comparable with those of a full ranking.</summary>
    [JsonIgnore]
    public bool IsComparable => Protocol == FullRanking;

    /// <summary>95% intervals of some of the metrics, by name.</summary>
    public IReadOnlyDictionary<string, ConfidenceInterval>? Intervals { get; init; }

    /// <summary>Properties of the top-ten lists; null in results of earlier versions and of sampled rankings.</summary>
    public ListQuality? Lists { get; init; }

    /// <summary>The same users in slices; null in results of earlier versions.</summary>
    public IReadOnlyList<MetricSlice>? Slices { get; init; }

    /// <summary>
    /// Maps the scores of the first ten places to the share of such places that held the next item; only on validation,
    /// and null if the scores are not informative.
    /// </summary>
    public ScoreCalibration? Calibration { get; init; }

    /// <summary>The model's result in the race of <c>auto</c>; only for its candidates, on validation.</summary>
    public RaceFigures? Race { get; init; }
}

/// <summary>Properties of all users' top-ten rankings, independent of the next item.</summary>
/// <param name="Coverage">Share of the catalog that is in at least one list.</param>
/// <param name="Novelty">Mean over all places of -log2 of the share of users who had the item, in bits: an item that everybody has scores 0.</param>
/// <param name="PopularShare">Share of all places taken by the most popular 1% of the items.</param>
/// <param name="Diversity">Mean over all pairs in a list of one minus the Jaccard index of their categories; null if no items have any.</param>
public sealed record ListQuality(double Coverage, double Novelty, double PopularShare, double? Diversity = null);

/// <param name="By"><c>history</c> (its length before the target) or <c>item popularity</c> (of the target).</param>
/// <param name="Name">The slice.</param>
/// <param name="Users">Number of users in the slice.</param>
/// <param name="Hr10">HR@10 of these users.</param>
/// <param name="Ndcg10">NDCG@10 of these users.</param>
public sealed record MetricSlice(string By, string Name, int Users, double Hr10, double Ndcg10);

/// <summary>Results of the race of <c>auto</c> on validation.</summary>
/// <param name="Reason">The reason for the choice, in one sentence.</param>
/// <param name="Users">Number of validation users.</param>
/// <param name="Figures">Results by candidate.</param>
/// <param name="Notes">Candidates that were left out, with the reason, in one sentence each.</param>
public sealed record RaceInfo(string Reason, int Users, IReadOnlyDictionary<string, RaceFigures> Figures, IReadOnlyList<string> Notes);

/// <summary>A candidate of the race, on validation; a blend is measured with weights that were fitted on other users.</summary>
/// <param name="Hr10">HR@10</param>
/// <param name="Ndcg10">NDCG@10, the deciding metric.</param>
/// <param name="Interval">95% interval of NDCG@10.</param>
/// <param name="Behind">NDCG@10 of the chosen candidate minus this one's; 0 for the chosen one itself.</param>
/// <param name="BehindInterval">95% interval of <paramref name="Behind"/>, paired by user.</param>
/// <param name="Seconds">Duration of its training, if the race or the run trained it.</param>
/// <param name="IsChosen">Whether it is the one to be published.</param>
public sealed record RaceFigures(
    double Hr10, double Ndcg10, ConfidenceInterval Interval, double Behind, ConfidenceInterval BehindInterval, double Seconds, bool IsChosen);

/// <summary>95% confidence interval of a metric over the sampling of users.</summary>
public readonly record struct ConfidenceInterval(double Low, double High);

/// <summary>Served score = sigmoid(Slope * x + Intercept), where x is the value that orders the list.</summary>
/// <param name="Slope">Positive, so that the order is kept.</param>
/// <param name="Intercept">See the formula.</param>
public sealed record ScoreCalibration(double Slope, double Intercept)
{
    public float Apply(float value) => (float)(1 / (1 + Math.Exp(-(Slope * value + Intercept))));
}

/// <summary>A candidate and the served version, on the same users' validation items.</summary>
/// <param name="Version">The served version.</param>
/// <param name="Metric">Such as <c>ndcg@10</c>.</param>
/// <param name="Users">Number of users compared.</param>
/// <param name="Served">The served version's mean.</param>
/// <param name="Candidate">The candidate's mean.</param>
/// <param name="Low">Lower end of the 95% interval of the difference, candidate minus served.</param>
/// <param name="High">Upper end of the interval.</param>
/// <param name="Refused">Whether the candidate was stored without being made current.</param>
public sealed record GateResult(string Version, string Metric, int Users, double Served, double Candidate, double Low, double High, bool Refused);
