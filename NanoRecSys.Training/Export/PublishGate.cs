namespace NanoRecSys.Training.Export;

/// <summary>Compares a candidate with the served version before replacing it: both exported retrievers rank the validation items
/// of the same users in the prepared data. The paired bootstrap interval of the difference decides.</summary>
internal static class PublishGate
{
    private const int Cutoff = 10;
    private const int MostUsers = 2_000; // a difference of .02 is then significant
    private const int FewestUsers = 20; // fewer are not informative
    private const int Resamples = 1_000;

    /// <returns>Null if no comparable version is served.</returns>
    public static async Task<GateResult?> CompareAsync(
        double allowedLoss, PreparedData data, ExportReport candidate, IReadOnlyList<EvaluationResult> metrics, StepContext context)
    {
        if (Served(context) is not { } served)
        {
            return null;
        }

        bool hasRefit = ModelFolder.HasRefit(context.Workspace) || served.Manifest.Metrics.Any(result => result.Refit == true);
        if (hasRefit || candidate.FinalFit is not null || served.Manifest.FinalFit is not null)
        {
            return CompareFigures(allowedLoss, metrics, served.Manifest); // a network that was trained on the validation items cannot be measured on them
        }

        using var now = new ExportedRetriever(
            "served", served.PathOf(served.Manifest.UserTower.File), served.PathOf(ArtifactNames.ItemEmbeddings), served.Manifest.Model,
            await RowsAsync(data.Catalog, served, context.Cancellation));
        string export = context.Workspace.ExportFolder;
        using var next = new ExportedRetriever(
            "candidate", Path.Combine(export, ArtifactNames.UserTower), Path.Combine(export, ArtifactNames.ItemEmbeddings), candidate.Model);
        context.Progress.Report(new ProgressEvent { Message = $"Comparing with the served version {served.Manifest.ModelVersion}." });
        RankedUsers users = new NextItemRanking(data.Split, data.Catalog.Count) { Threads = context.Threads, MostUsers = MostUsers }
            .Rank([now, next], HeldOut.Validation, cancellation: context.Cancellation);
        if (users.Users.Length < FewestUsers)
        {
            return null;
        }

        float[][] gains = [.. users.Ranks.Select(ranks => Array.ConvertAll(ranks, rank => (float)RankingMetrics.Gain(rank, Cutoff)))];
        ConfidenceInterval difference = Bootstrap.Of(gains, Resamples, context.Seed, context.Threads, context.Cancellation).DifferenceInterval(1, 0);
        return new GateResult(
            served.Manifest.ModelVersion, $"ndcg@{Cutoff}", users.Users.Length, gains[0].Average(), gains[1].Average(), difference.Low, difference.High,
            Refused: difference.High < -allowedLoss);
    }

    public static string Describe(GateResult gate) =>
        $"NDCG@{Cutoff} of {gate.Users:N0} validation users: {gate.Candidate:.0000}, the served version {gate.Version} has {gate.Served:.0000} "
        + $"(difference {gate.Candidate - gate.Served:+.0000;-.0000}, 95% interval {gate.Low:+.0000;-.0000} to {gate.High:+.0000;-.0000})";

    // By the retriever's validation metrics from before that training. The interval of the difference of two independent
    // means is wider than that of paired ones, so this rejects less often.
    private static GateResult? CompareFigures(double allowedLoss, IReadOnlyList<EvaluationResult> metrics, Manifest served)
    {
        string metric = $"ndcg@{Cutoff}";
        EvaluationResult? Retriever(IReadOnlyList<EvaluationResult> results) => results.FirstOrDefault(
            result => result is { Model: "retriever", Split: "validation", IsComparable: true } && result.Intervals?.ContainsKey(metric) == true);
        if (Retriever(metrics) is not { } next || Retriever(served.Metrics) is not { } now)
        {
            return null;
        }

        double difference = next.Metrics[metric] - now.Metrics[metric];
        ConfidenceInterval a = next.Intervals![metric], b = now.Intervals![metric];
        double half = Math.Sqrt(Math.Pow((a.High - a.Low) / 2, 2) + Math.Pow((b.High - b.Low) / 2, 2));
        return new GateResult(
            served.ModelVersion, metric, next.Users, now.Metrics[metric], next.Metrics[metric], difference - half, difference + half,
            Refused: difference + half < -allowedLoss);
    }

    // Null if nothing is served, or if the served version cannot be read: then it must not block another one.
    private static ArtifactVersion? Served(StepContext context)
    {
        try
        {
            ArtifactStore store = context.Workspace.Store;
            return (store.ReadPinned() ?? store.ReadCurrent()) is { } version ? store.Open(version) : null;
        }
        catch (Exception e) when (e is ArtifactException or IOException or UnauthorizedAccessException)
        {
            context.Progress.Report(new ProgressEvent { Message = $"The served version cannot be compared: {e.Message}" });
            return null;
        }
    }

    // [V] the served version's row of each item; -1 for unknown items.
    private static async Task<int[]> RowsAsync(Catalog catalog, ArtifactVersion served, CancellationToken cancellation)
    {
        Catalog known = await CatalogFile.ReadAsync(served.PathOf(ArtifactNames.Catalog), cancellation);
        return [.. catalog.Items.Select(item => known.TryFind(item.Id, out int row) ? row : -1)];
    }
}
