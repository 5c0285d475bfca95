using System.Numerics.Tensors;
using TorchSharp;

namespace NanoRecSys.Training.Race;

/// <summary>
/// Compares the retriever, the ranker, popularity, the item-item models and blends of them on validation, each in its served form, and keeps
/// what <c>publish</c> needs of the chosen one.
/// </summary>
internal static class RaceStep
{
    public const string BlendName = "blend";

    private const int MostUsers = 20_000; // enough to make a difference of .003 significant
    private const double Alone = 100; // weight of a single list: the cosine only breaks ties
    private const double MostEaseSeconds = 600; // even without --budget
    private const double KnnShare = 0.1; // of the stage's progress, until item-knn is ready
    private const double ListShare = 0.5; // the same for all lists

    // In units of the cosine's spread over the catalog; equal for all lists of a blend. On four data sets the best were among these, the lowest
    // with a strong network; a finer grid gained less than it lost by overfitting to half of the users.
    private static readonly double[] BlendWeights = [0.03, 0.06, 0.12, 0.25, 0.5, 1];

    /// <exception cref="UserErrorException">No prepared data, no retriever, or a requested candidate that is not there.</exception>
    public static async Task<RaceOutcome> RunAsync(RaceOptions options, StepContext context)
    {
        var watch = Stopwatch.StartNew();
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        using RetrieverNetwork tower = ModelFolder.ReadRetriever(context.Workspace.RetrieverFolder, data);
        var notes = new List<string>();
        IReadOnlyList<Entrant> entrants = await ListsAsync(data, options, notes, context);
        torch.set_num_threads(context.Threads);
        using var encoder = new BatchEncoder(tower.to(torch.device(context.Device)));
        Mix[] mixes = MixesOf(entrants, Spread(encoder, data));
        var scorers = new List<IScorer> { new RetrieverScorer(encoder) };
        using RankerScorer? ranker = RankerExport.IsUsable(context, data)
            ? new RankerScorer(encoder, ModelFolder.ReadRanker(context.Workspace.RankerFolder, data), data) : null;
        scorers.AddRange(ranker is null ? [] : [ranker]);
        int singles = scorers.Count;
        string[] names = [.. scorers.Select(scorer => scorer.Name), .. mixes.Select(mix => mix.Name).Distinct()];
        if (options.Choose is { } wanted && !names.Contains(wanted))
        {
            throw new UserErrorException(string.Join(' ', [$"'{wanted}' is not among the candidates: {string.Join(", ", names)}.", .. notes]));
        }

        scorers.AddRange(mixes.Select(mix => mix.Open(encoder)));
        var ranking = new NextItemRanking(data.Split, data.Catalog.Count) { Threads = context.Threads, MostUsers = MostUsers };
        RankedUsers users = ranking.Rank(
            scorers, HeldOut.Validation, done => context.Progress.Report(new ProgressEvent { Fraction = ListShare + (1 - ListShare) * done }), context.Cancellation);
        ranking.ResultOf(scorers[0], HeldOut.Validation, users, 0); // fails if there are no users to validate on

        var candidates = scorers.Take(singles)
            .Select((scorer, n) => new RaceCandidate(scorer.Name, scorer == ranker ? RaceCandidate.RankerParts : 1, users.Ranks[n], 0)).ToList();
        var bestMixes = new Dictionary<string, Mix>();
        foreach (IGrouping<string, (int Index, Mix Item)> group in mixes.Index().GroupBy(mix => mix.Item.Name))
        {
            (int Index, Mix Item)[] grid = [.. group];
            CrossFit fit = CrossFit.Of([.. grid.Select(mix => users.Ranks[singles + mix.Index])]);
            Mix best = grid[fit.Best].Item;
            candidates.Add(new RaceCandidate(group.Key, best.Models, fit.Ranks, best.Seconds));
            bestMixes[group.Key] = best;
        }

        RaceChoice choice = RaceChoice.Make(candidates, options.Choose, options.Resamples, context.Seed, context.Threads);
        var outcome = new RaceOutcome(
            choice.Chosen, choice.Reason, users.Users.Length, choice.Figures, notes, bestMixes.GetValueOrDefault(choice.Chosen)?.Infos ?? [], watch.Elapsed.TotalSeconds,
            new Dictionary<string, string>());
        outcome.Write(context.Workspace, data, entrants.ToDictionary(entrant => entrant.Name, entrant => entrant.Lists));
        context.Progress.Report(new ProgressEvent { Fraction = 1, Message = choice.Reason });
        return outcome;
    }

    /// <summary>Builds popularity, and the item-item models that do not exist yet.</summary>
    private static async Task<IReadOnlyList<Entrant>> ListsAsync(PreparedData data, RaceOptions options, List<string> notes, StepContext context)
    {
        int items = data.Catalog.Count;
        var watch = Stopwatch.StartNew();
        var entrants = new List<Entrant> { new(Popularity.ModelName, Popularity.Lists(data.TrainWeights()), watch.Elapsed.TotalSeconds) };
        Add(ItemKnn.ModelName, ItemKnn.Build(data.Split, items, new ItemKnnOptions(), context.Threads, context.Cancellation), watch.Elapsed.TotalSeconds, KnnShare);
        if (!options.HasEase)
        {
            return LeaveOut("this preset does not include it. Use --preset auto.");
        }

        if (Ease.Problem(items, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes) is { } problem)
        {
            return LeaveOut(problem);
        }

        var ease = new EaseOptions();
        double left = Math.Clamp(options.MaxSeconds - watch.Elapsed.TotalSeconds, 0, MostEaseSeconds);
        double each = Ease.Estimate(items, context.Threads);
        if (left < each)
        {
            return LeaveOut($"it would take {each:N0} s with {items:N0} items, and {left:N0} s are left for it. Use --k-core for fewer items, or a larger --budget.");
        }

        // The middle one if there is no time for all.
        ease = left >= ease.Penalties.Count * each ? ease : ease with { Penalties = [ease.Penalties[ease.Penalties.Count / 2]] };
        string folder = context.Workspace.BaselineFolder(Ease.ModelName);
        double seconds = ModelFolder.Ease.Exists(folder) && ModelFolder.Ease.MismatchOf(folder, data) is null ? 0 : (await TrainBaselineStep.RunAsync(
            ease, data, context with { Progress = new ImmediateProgress(ReportEase) }, MostUsers)).Seconds;
        Add(Ease.ModelName, Ease.Read(folder, data), seconds, ListShare);
        return entrants;

        void Add(string name, ItemLists lists, double took, double done)
        {
            entrants.Add(new(name, lists, took));
            Report(done, $"{name} is ready ({took:N1} s)");
        }

        IReadOnlyList<Entrant> LeaveOut(string reason)
        {
            notes.Add($"{Ease.ModelName} is left out: {reason}");
            Report(ListShare, notes[^1]);
            return entrants;
        }

        void ReportEase(ProgressEvent training) => Report(
            KnnShare + (ListShare - KnnShare) * training.Fraction,
            training.Metrics is { } metrics ? $"{Ease.ModelName}: NDCG@10 {metrics["ndcg@10"]:F4} on validation" : null);

        void Report(double? done, string? message) => context.Progress.Report(new ProgressEvent { Fraction = done, Message = message });
    }

    /// <summary>Mean over some users of the standard deviation of the cosine over the catalog.</summary>
    private static double Spread(BatchEncoder encoder, PreparedData data)
    {
        const int Users = 64;
        TimedHistory[] histories = [.. Enumerable.Range(0, data.Split.UserCount).Where(user => data.Split.Train(user).Length > 0).Take(Users)
            .Select(user => data.Split.Prefix(user, data.Split.Train(user).Length))];
        float[] cosines = encoder.Cosines(histories).ToArray();
        return cosines.Chunk(encoder.Items).Average(own => (double)TensorPrimitives.StdDev<float>(own));
    }

    /// <summary>An item-item model, or popularity in that form.</summary>
    private sealed record Entrant(string Name, ItemLists Lists, double Seconds);

    /// <summary>Some item-item models to add to the cosine, with weights.</summary>
    private sealed record Mix(string Name, int Models, IReadOnlyList<(Entrant Entrant, double Weight)> Parts)
    {
        public double Seconds => Parts.Sum(part => part.Entrant.Seconds);

        public IReadOnlyList<ItemListInfo> Infos =>
            [.. Parts.Select(part => new ItemListInfo(part.Entrant.Name, $"{part.Entrant.Name}.npy", part.Weight, part.Entrant.Lists.Decay))];

        public BlendScorer Open(BatchEncoder encoder) => new(
            Name, encoder, new ItemBlend([.. Parts.Select(part => part.Entrant.Lists)], [.. Parts.Select(part => part.Weight)]));
    }

    private static string NameOf(int lists) => lists == 1 ? BlendName : $"{BlendName} of {1 + lists}";

    /// <summary>All mixes to try; those with the same name differ in their weights.</summary>
    private static Mix[] MixesOf(IReadOnlyList<Entrant> entrants, double spread) =>
    [
        .. entrants.Select(entrant => new Mix(entrant.Name, 1, [(entrant, Alone * spread)])),
        .. from subset in Enumerable.Range(1, (1 << (entrants.Count - 1)) - 1)
           let chosen = entrants.Skip(1).Where((_, n) => (subset >> n & 1) == 1).ToArray() // popularity adds nothing about the user
           from weight in BlendWeights
           select new Mix(NameOf(chosen.Length), 1 + chosen.Length, [.. chosen.Select(entrant => (entrant, weight * spread))]),
    ];
}

internal sealed record RaceOptions
{
    /// <summary>Seconds for the race's own trainings; those that do not fit are shortened or left out.</summary>
    public double MaxSeconds { get; init; } = double.PositiveInfinity;

    /// <summary>Whether to include EASE, which takes longer than all others together.</summary>
    public bool HasEase { get; init; } = true;

    /// <summary>Name of the candidate to choose in any case; null to choose by validation.</summary>
    public string? Choose { get; init; }

    /// <summary>Resamples of the users for the intervals.</summary>
    public int Resamples { get; init; } = 2000;
}

/// <summary>The retriever's cosines and the scores of item-item models, combined as in serving.</summary>
/// <param name="encoder">Shared with other models; owned by the caller.</param>
/// <param name="blend">What is added to the cosines; owned by the caller.</param>
internal sealed class BlendScorer(string name, BatchEncoder encoder, ItemBlend blend) : IScorer
{
    public string Name => name;

    public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores)
    {
        encoder.Cosines(histories).CopyTo(scores);
        for (int b = 0; b < histories.Count; b++)
        {
            blend.AddToAll(histories[b].Items.Span, scores.Slice(b * encoder.Items, encoder.Items));
        }
    }
}
