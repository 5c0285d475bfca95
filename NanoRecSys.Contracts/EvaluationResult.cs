namespace NanoRecSys.Contracts;

/// <summary>One model's figures on one split.</summary>
/// <param name="Model"><c>popularity</c>, <c>item-knn</c>, <c>retriever</c>, <c>ranker</c>, ...</param>
/// <param name="Split"><c>validation</c> or <c>test</c>.</param>
/// <param name="Users">Users averaged over.</param>
/// <param name="Items">Size of the catalogue that was ranked.</param>
/// <param name="Exclude">Which items were left out of the ranking: <c>history</c>, <c>window</c>, <c>none</c>.</param>
/// <param name="Metrics">By name, such as <c>hr@10</c>, <c>ndcg@10</c>, <c>mrr@10</c>, <c>recall@10</c>.</param>
public sealed record EvaluationResult(
    string Model, string Split, int Users, int Items, string Exclude, IReadOnlyDictionary<string, double> Metrics)
{
    /// <summary>The protocol whose figures are comparable with published ones: the model's own scores, the whole catalog.</summary>
    public const string FullRanking = "full";

    /// <summary>How it was measured: <see cref="FullRanking"/>, or for instance <c>sampled-uniform-100</c>.</summary>
    public string Protocol { get; init; } = FullRanking;

    /// <summary>Number of latest history items that were left out; only with <c>window</c>.</summary>
    public int? Window { get; init; }

    /// <summary>
    /// Users who are not among <see cref="Users"/> because the item to predict is one that is left out of the ranking: they had it
    /// before. The same for all models; null where there is none.
    /// </summary>
    public int? Repeats { get; init; }

    /// <summary>True where the model trained on the validation items, too; see <c>refit</c>.</summary>
    public bool? Refit { get; init; }

    /// <summary>False: the figures are not comparable with those of a full ranking.</summary>
    [JsonIgnore]
    public bool IsComparable => Protocol == FullRanking;

    /// <summary>95% intervals of some of the metrics, by name.</summary>
    public IReadOnlyDictionary<string, ConfidenceInterval>? Intervals { get; init; }

    /// <summary>What the lists of ten are like; null in results of earlier versions and of sampled rankings.</summary>
    public ListQuality? Lists { get; init; }

    /// <summary>The same users divided; null in results of earlier versions.</summary>
    public IReadOnlyList<MetricSlice>? Slices { get; init; }

    /// <summary>
    /// Turns the scores of the first ten places into the share of such places that held the item that came next; only on validation,
    /// and null where the scores do not tell.
    /// </summary>
    public ScoreCalibration? Calibration { get; init; }

    /// <summary>What the race of <c>auto</c> made of the model; only of its candidates, on validation.</summary>
    public RaceFigures? Race { get; init; }
}

/// <summary>What the first ten of all users' rankings are like, whatever came next.</summary>
/// <param name="Coverage">Share of the catalog that is on at least one list.</param>
/// <param name="Novelty">Mean over all places of -log2 of the share of users who had the item, in bits: what everybody knows has 0.</param>
/// <param name="PopularShare">Share of all places that the most popular 1% of the items take.</param>
/// <param name="Diversity">Mean over all pairs on a list of one less the Jaccard index of their categories; null where no items have any.</param>
public sealed record ListQuality(double Coverage, double Novelty, double PopularShare, double? Diversity = null);

/// <param name="By"><c>history</c> (its length before the target) or <c>item popularity</c> (of the target).</param>
/// <param name="Name">Of the slice.</param>
/// <param name="Users">In it.</param>
/// <param name="Hr10">HR@10 of these users.</param>
/// <param name="Ndcg10">NDCG@10 of these users.</param>
public sealed record MetricSlice(string By, string Name, int Users, double Hr10, double Ndcg10);

/// <summary>What the race of <c>auto</c> found on validation.</summary>
/// <param name="Reason">Of the choice, one sentence.</param>
/// <param name="Users">Of validation.</param>
/// <param name="Figures">By candidate.</param>
/// <param name="Notes">Candidates that were left out and why, a sentence each.</param>
public sealed record RaceInfo(string Reason, int Users, IReadOnlyDictionary<string, RaceFigures> Figures, IReadOnlyList<string> Notes);

/// <summary>A candidate of the race, on validation; a blend's figures are of weights that were fitted on other users.</summary>
/// <param name="Hr10">HR@10</param>
/// <param name="Ndcg10">NDCG@10, which decides.</param>
/// <param name="Interval">95% interval of NDCG@10.</param>
/// <param name="Behind">NDCG@10 of the chosen candidate less this one's; 0 for the chosen one itself.</param>
/// <param name="BehindInterval">95% interval of that, paired by user.</param>
/// <param name="Seconds">Of its training, where the race or the run trained it.</param>
/// <param name="IsChosen">It is what is published.</param>
public sealed record RaceFigures(
    double Hr10, double Ndcg10, ConfidenceInterval Interval, double Behind, ConfidenceInterval BehindInterval, double Seconds, bool IsChosen);

/// <summary>95% confidence interval of a metric over the drawing of users.</summary>
public readonly record struct ConfidenceInterval(double Low, double High);

/// <summary>Served score = sigmoid(Slope * x + Intercept), where x is what the list is ordered by.</summary>
/// <param name="Slope">Above 0, so that the order stays.</param>
/// <param name="Intercept">See there.</param>
public sealed record ScoreCalibration(double Slope, double Intercept)
{
    public float Apply(float value) => (float)(1 / (1 + Math.Exp(-(Slope * value + Intercept))));
}

/// <summary>A candidate and the served version, on the same users' validation items.</summary>
/// <param name="Version">The served one.</param>
/// <param name="Metric">Such as <c>ndcg@10</c>.</param>
/// <param name="Users">Compared.</param>
/// <param name="Served">The served version's mean.</param>
/// <param name="Candidate">The candidate's mean.</param>
/// <param name="Low">Lower end of the 95% interval of the difference, candidate less served.</param>
/// <param name="High">Its upper end.</param>
/// <param name="Refused">The candidate was stored without being made current.</param>
public sealed record GateResult(string Version, string Metric, int Users, double Served, double Candidate, double Low, double High, bool Refused);
