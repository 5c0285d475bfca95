namespace NanoRecSys.Training.Race;

/// <summary>Outcome of <c>race</c>: <c>race.json</c>, next to the lists it names.</summary>
/// <param name="Chosen">Name of the candidate to publish.</param>
/// <param name="Reason">One sentence for people.</param>
/// <param name="Users">Validation users.</param>
/// <param name="Figures">By candidate.</param>
/// <param name="Notes">Candidates that were left out and why, one sentence each.</param>
/// <param name="Lists">Item-item models of the chosen candidate; empty for the retriever and the ranker.</param>
/// <param name="Seconds">Of the whole race.</param>
/// <param name="MadeOf">See <see cref="Provenance"/>.</param>
internal sealed record RaceOutcome(
    string Chosen, string Reason, int Users, IReadOnlyDictionary<string, RaceFigures> Figures, IReadOnlyList<string> Notes,
    IReadOnlyList<ItemListInfo> Lists, double Seconds, IReadOnlyDictionary<string, string> MadeOf)
{
    public const string FileName = "race.json";

    /// <returns>Null if there was no race with this data and these weights, or if its files changed since.</returns>
    public static RaceOutcome? Find(Workspace workspace, PreparedData data)
    {
        try
        {
            var outcome = TrainingJson.Read<RaceOutcome>(Path.Combine(workspace.RaceFolder, FileName));
            return outcome is not null && Provenance.Difference(outcome.MadeOf, [.. InputsOf(workspace, data, outcome.Lists)]) is null ? outcome : null;
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            return null;
        }
    }

    /// <exception cref="UserErrorException">There was no race with this data and these weights, or no lists were chosen.</exception>
    public static RaceOutcome Read(Workspace workspace, PreparedData data) => Find(workspace, data) is { Lists.Count: > 0 } outcome
        ? outcome
        : throw new UserErrorException($"There is no blend for this data and this retriever in {workspace.RaceFolder}. Run 'race'; it keeps one if it chooses one.");

    /// <summary>Metrics of a model by its name in <c>evaluate</c>, where all chosen lists are called <c>blend</c>.</summary>
    public RaceFigures? Of(string model) => Figures.GetValueOrDefault(model == RaceStep.BlendName ? Chosen : model);

    /// <summary>Replaces the outcome of an earlier race.</summary>
    public void Write(Workspace workspace, PreparedData data, IReadOnlyDictionary<string, ItemLists> lists)
    {
        AtomicFolder.DeleteIfExists(workspace.RaceFolder);
        Directory.CreateDirectory(workspace.RaceFolder);
        foreach (ItemListInfo info in Lists)
        {
            lists[info.Name].Write(Path.Combine(workspace.RaceFolder, info.File));
        }

        TrainingJson.Write(Path.Combine(workspace.RaceFolder, FileName), this with { MadeOf = Provenance.Record(InputsOf(workspace, data, Lists)) });
    }

    /// <summary>The lists in their served form.</summary>
    public ItemBlend OpenBlend(Workspace workspace) => ItemBlend.Open(workspace.RaceFolder, Lists);

    private static IEnumerable<(string Name, string? Hash)> InputsOf(Workspace workspace, PreparedData data, IReadOnlyList<ItemListInfo> lists)
    {
        yield return (Provenance.Data, data.Hash);
        yield return (Provenance.Retriever, ModelFolder.HashOf(workspace.RetrieverFolder));
        yield return (Provenance.Ranker, ModelFolder.HashOf(workspace.RankerFolder));
        foreach (ItemListInfo info in lists)
        {
            string path = Path.Combine(workspace.RaceFolder, info.File);
            yield return (info.File, File.Exists(path) ? FileHash.Of(path) : null);
        }
    }
}

/// <summary>A model in the race.</summary>
/// <param name="Name">Name in tables.</param>
/// <param name="Parts">Number of models combined: of candidates that do not differ significantly, the one with the fewest parts is chosen.</param>
/// <param name="Ranks">[U] ranks of the validation items; the same users for all candidates.</param>
/// <param name="Seconds">Seconds of training.</param>
internal sealed record RaceCandidate(string Name, int Parts, int[] Ranks, double Seconds)
{
    /// <summary>As many as the largest blend has: its epoch and the weight of the cosine were chosen on the same users, which flatters it, while
    /// blends are judged on users that their weights were not fitted on.</summary>
    public const int RankerParts = 3;

    public double Ndcg { get; } = Ranks.Average(rank => RankingMetrics.Gain(rank, RaceChoice.K));

    public double Hr => Ranks.Average(rank => RankingMetrics.Hit(rank, RaceChoice.K));
}

/// <summary>
/// Chooses by NDCG@10 on validation: of the candidates that are not significantly behind the best one, those with the fewest parts, and
/// of these, the best. So a blend is chosen only if it is significantly better than every single model.
/// </summary>
/// <param name="Chosen">The candidate's name.</param>
/// <param name="Reason">One sentence for people.</param>
/// <param name="Figures">By candidate.</param>
internal sealed record RaceChoice(string Chosen, string Reason, IReadOnlyDictionary<string, RaceFigures> Figures)
{
    public const int K = 10;

    /// <param name="candidates">At least one.</param>
    /// <param name="wanted">The candidate to choose in any case; null to choose by the rule.</param>
    public static RaceChoice Make(IReadOnlyList<RaceCandidate> candidates, string? wanted, int resamples, long seed, int threads)
    {
        Bootstrap bootstrap = Bootstrap.Of(
            [.. candidates.Select(candidate => Array.ConvertAll(candidate.Ranks, rank => (float)RankingMetrics.Gain(rank, K)))], resamples, seed, threads);
        int best = Enumerable.Range(0, candidates.Count).MaxBy(n => candidates[n].Ndcg);
        int chosen = Enumerable.Range(0, candidates.Count).Where(n => wanted is not null ? candidates[n].Name == wanted : n == best || bootstrap.DifferenceInterval(best, n).Low <= 0)
            .OrderBy(n => candidates[n].Parts).ThenByDescending(n => candidates[n].Ndcg).First();
        string reason = (wanted is null, chosen == best) switch
        {
            (true, true) => $"{candidates[best].Name} is the best on validation: NDCG@10 {candidates[best].Ndcg:F4}.",
            (true, false) => $"{candidates[chosen].Name} is chosen: NDCG@10 {candidates[chosen].Ndcg:F4} on validation is not significantly behind {candidates[best].Name} ({candidates[best].Ndcg:F4}), which has more parts.",
            (false, true) => $"{wanted} is chosen on request, and is the best on validation: NDCG@10 {candidates[best].Ndcg:F4}.",
            (false, false) => $"{wanted} is chosen on request: NDCG@10 {candidates[chosen].Ndcg:F4} on validation; the best is {candidates[best].Name} ({candidates[best].Ndcg:F4}).",
        };
        return new RaceChoice(candidates[chosen].Name, reason, Enumerable.Range(0, candidates.Count).ToDictionary(n => candidates[n].Name, n => new RaceFigures(
            candidates[n].Hr, candidates[n].Ndcg, bootstrap.Interval(n), candidates[chosen].Ndcg - candidates[n].Ndcg,
            bootstrap.DifferenceInterval(chosen, n), candidates[n].Seconds, n == chosen)));
    }
}

/// <summary>Weights of a blend, fitted on one half of the users and evaluated on the other, both ways.</summary>
/// <param name="Ranks">[U] each user's rank with the weights that are best for the other half.</param>
/// <param name="Best">The best weights for all users, which are served.</param>
internal sealed record CrossFit(int[] Ranks, int Best)
{
    /// <param name="grid">[weights][U] ranks.</param>
    public static CrossFit Of(IReadOnlyList<int[]> grid)
    {
        var ranks = new int[grid[0].Length];
        for (int half = 0; half < 2; half++)
        {
            int[] weights = grid[BestOf(grid, user => user % 2 != half)];
            for (int user = half; user < ranks.Length; user += 2)
            {
                ranks[user] = weights[user];
            }
        }

        return new CrossFit(ranks, BestOf(grid, _ => true));
    }

    private static int BestOf(IReadOnlyList<int[]> grid, Predicate<int> counts) =>
        Enumerable.Range(0, grid.Count).MaxBy(weights => grid[weights].Index().Sum(at => counts(at.Index) ? RankingMetrics.Gain(at.Item, RaceChoice.K) : 0));
}
