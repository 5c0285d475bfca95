using System.Numerics.Tensors;
using TorchSharp;

namespace NanoRecSys.Training.Race;

/// <summary>
/// Compares the retriever, the ranker, the item-item models and blends of them on validation, each as it would be served, and keeps
/// what the chosen one needs for <c>publish</c>.
/// </summary>
internal static class RaceStep
{
    public const string BlendName = "blend";

    private const int MostUsers = 20_000; // of whom a difference of .003 is significant
    private const int MostItems = 100_000; // of which all pairs of factors take some minutes
    private const double Alone = 100; // weight of a list by itself: the cosine decides between equals only
    private const double EaseSeconds = 0.02; // a thousand items, one penalty; it grows with their cube
    private const double ListShare = 0.5; // of the stage's progress

    // Times the cosine's spread over the catalog; the same for all lists of a blend. On three data sets the best were among these, and a
    // finer grid gained less than its fit to half of the users lost.
    private static readonly double[] BlendWeights = [0.06, 0.12, 0.25];

    /// <exception cref="UserErrorException">No prepared data, or no retriever.</exception>
    public static async Task<RaceOutcome> RunAsync(RaceOptions options, StepContext context)
    {
        var watch = Stopwatch.StartNew();
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        using UserTower tower = ModelFolder.ReadRetriever(context.Workspace.RetrieverFolder, data);
        var notes = new List<string>();
        IReadOnlyList<Entrant> entrants = await ListsAsync(data, options, notes, context);
        torch.set_num_threads(context.Threads);
        using var encoder = new BatchEncoder(tower.to(torch.device(context.Device)));
        RaceTable table = RaceTable.Of(entrants, Spread(encoder, data));
        var scorers = new List<IScorer> { new RetrieverScorer(encoder) };
        using RankerScorer? ranker = RankerExport.IsUsable(context, data)
            ? new RankerScorer(encoder, ModelFolder.ReadRanker(context.Workspace.RankerFolder, data), data) : null;
        scorers.AddRange(ranker is null ? [] : [ranker]);
        int singles = scorers.Count;
        scorers.AddRange(table.Mixes.Select(mix => mix.Open(encoder)));

        var ranking = new FullRanking(data.Split, data.Catalog.Count) { Threads = context.Threads, MostUsers = MostUsers };
        RankedUsers users = ranking.Rank(
            scorers, HeldOut.Validation, done => context.Progress.Report(new ProgressEvent { Fraction = ListShare + (1 - ListShare) * done }), context.Cancellation);
        ranking.ResultOf(scorers[0], HeldOut.Validation, users, 0); // fails where there is nobody to validate on

        var candidates = scorers.Take(singles).Select((scorer, n) => new RaceCandidate(scorer.Name, n + 1, users.Ranks[n], 0)).ToList();
        var mixes = new Dictionary<string, Mix?>(candidates.Select(candidate => KeyValuePair.Create(candidate.Name, (Mix?)null)));
        foreach (IGrouping<string, (int Index, Mix Item)> group in table.Mixes.Index().GroupBy(mix => mix.Item.Name))
        {
            (int Index, Mix Item)[] grid = [.. group];
            CrossFit fit = CrossFit.Of([.. grid.Select(mix => users.Ranks[singles + mix.Index])]);
            Mix best = grid[fit.Best].Item;
            candidates.Add(new RaceCandidate(group.Key, best.Models, fit.Ranks, best.Seconds));
            mixes[group.Key] = best;
        }

        RaceChoice choice = RaceChoice.Make(candidates, options.Resamples, context.Seed, context.Threads);
        var outcome = new RaceOutcome(
            choice.Chosen, choice.Reason, users.Users.Length, choice.Figures, notes, mixes[choice.Chosen]?.Infos ?? [], watch.Elapsed.TotalSeconds,
            new Dictionary<string, string>());
        outcome.Write(context.Workspace, data, entrants.ToDictionary(entrant => entrant.Name, entrant => entrant.Lists));
        context.Progress.Report(new ProgressEvent { Fraction = 1, Message = choice.Reason });
        return outcome;
    }

    /// <summary>Trains the item-item models that are not trained yet.</summary>
    private static async Task<IReadOnlyList<Entrant>> ListsAsync(PreparedData data, RaceOptions options, List<string> notes, StepContext context)
    {
        int items = data.Catalog.Count;
        var watch = Stopwatch.StartNew();
        var entrants = new List<Entrant>
        {
            new(ItemKnn.ModelName, ItemKnn.Build(data.Split, items, new ItemKnnOptions(), context.Threads, context.Cancellation), watch.Elapsed.TotalSeconds),
        };
        Announce(entrants[^1], 0.1, context);

        double seconds;
        if (items > MostItems)
        {
            notes.Add(string.Create(CultureInfo.InvariantCulture, $"{MatrixFactorization.ListsName} is left out: it compares all pairs of items, of which there are {items:N0}."));
        }
        else
        {
            seconds = await TrainAsync(ModelFolder.MatrixFactorization, new TrainBaselineOptions { MatrixFactorization = new() }, MatrixFactorization.ModelName);
            using MatrixFactorization factorization = MatrixFactorization.Read(FolderOf(MatrixFactorization.ModelName), data, context.Threads);
            entrants.Add(new(MatrixFactorization.ListsName, factorization.Lists(new EaseOptions().Neighbours), seconds));
            Announce(entrants[^1], 0.2, context);
        }

        var ease = new EaseOptions();
        double each = EaseSeconds * Math.Pow(items / 1000.0, 3);
        double left = options.MaxSeconds - watch.Elapsed.TotalSeconds;
        int most = (int)Math.Min(ease.Penalties.Count, left / Math.Max(each, 1e-3));
        string? problem = Ease.Problem(items, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes) ?? (most >= 1 ? null : string.Create(
            CultureInfo.InvariantCulture, $"EASE would take {each:N0} s with {items:N0} items, {Math.Max(left, 0):N0} s of the budget are left. Raise --budget."));
        if (problem is not null)
        {
            notes.Add(problem);
            context.Progress.Report(new ProgressEvent { Fraction = ListShare, Message = $"ease is left out: {problem}" });
            return entrants;
        }

        // The middle one where there is no time for all.
        seconds = await TrainAsync(
            ModelFolder.Ease, new TrainBaselineOptions { Ease = most >= ease.Penalties.Count ? ease : ease with { Penalties = [ease.Penalties[ease.Penalties.Count / 2]] } },
            Ease.ModelName);
        entrants.Add(new(Ease.ModelName, Ease.Read(FolderOf(Ease.ModelName), data), seconds));
        Announce(entrants[^1], ListShare, context);
        return entrants;

        string FolderOf(string model) => Path.Combine(context.Workspace.BaselinesFolder, model);

        async Task<double> TrainAsync<T>(ModelFolder<T> model, TrainBaselineOptions baseline, string name) =>
            model.Exists(FolderOf(name)) && model.MismatchOf(FolderOf(name), data) is null
                ? 0
                : (await TrainBaselineStep.RunAsync(baseline, data, context with { Progress = new Progress<ProgressEvent>() })).Seconds;
    }

    private static void Announce(Entrant entrant, double done, StepContext context) => context.Progress.Report(new ProgressEvent
    {
        Fraction = done,
        Message = string.Create(CultureInfo.InvariantCulture, $"{entrant.Name} is ready ({entrant.Seconds:N1} s)"),
    });

    /// <summary>Mean over some users of the standard deviation of the cosine over the catalog.</summary>
    private static double Spread(BatchEncoder encoder, PreparedData data)
    {
        const int Users = 64;
        TimedHistory[] histories = [.. Enumerable.Range(0, data.Split.UserCount).Where(user => data.Split.Train(user).Length > 0).Take(Users)
            .Select(user => data.Split.Prefix(user, data.Split.Train(user).Length))];
        float[] cosines = encoder.Cosines(histories).ToArray();
        return cosines.Chunk(encoder.Items).Average(own => (double)TensorPrimitives.StdDev<float>(own));
    }

    /// <summary>An item-item model.</summary>
    private sealed record Entrant(string Name, ItemLists Lists, double Seconds);

    /// <summary>Some item-item models beside the cosine, with weights.</summary>
    private sealed record Mix(string Name, int Models, IReadOnlyList<(Entrant Entrant, double Weight)> Parts)
    {
        public double Seconds => Parts.Sum(part => part.Entrant.Seconds);

        public IReadOnlyList<ItemListInfo> Infos =>
            [.. Parts.Select(part => new ItemListInfo(part.Entrant.Name, $"{part.Entrant.Name}.npy", part.Weight, part.Entrant.Lists.Decay))];

        public BlendScorer Open(BatchEncoder encoder) => new(
            Name, encoder, new ItemBlend([.. Parts.Select(part => part.Entrant.Lists)], [.. Parts.Select(part => part.Weight)]));
    }

    private static string NameOf(int lists) => lists == 1 ? BlendName : $"{BlendName} of {1 + lists}";

    /// <summary>All mixes that are tried; those of one name differ in their weights.</summary>
    private sealed record RaceTable(IReadOnlyList<Mix> Mixes)
    {
        public static RaceTable Of(IReadOnlyList<Entrant> entrants, double spread) => new([
            .. entrants.Select(entrant => new Mix(entrant.Name, 1, [(entrant, Alone * spread)])),
            .. from subset in Enumerable.Range(1, (1 << entrants.Count) - 1)
               let chosen = entrants.Where((_, n) => (subset >> n & 1) == 1).ToArray()
               from weight in BlendWeights
               select new Mix(NameOf(chosen.Length), 1 + chosen.Length, [.. chosen.Select(entrant => (entrant, weight * spread))]),
        ]);
    }
}

/// <summary>Options of <c>race</c>.</summary>
internal sealed record RaceOptions
{
    /// <summary>Seconds for all trainings that the race itself starts; what does not fit is left out.</summary>
    public double MaxSeconds { get; init; } = double.PositiveInfinity;

    /// <summary>Resamples of the users for the intervals.</summary>
    public int Resamples { get; init; } = 2000;
}
