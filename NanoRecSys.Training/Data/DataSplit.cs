namespace NanoRecSys.Training.Data;

public enum HeldOut
{
    Validation,
    Test,
}

/// <summary>Which part of each user's history is for training, and which of its items are to be predicted.</summary>
internal abstract class DataSplit(UserHistories histories)
{
    public UserHistories Histories { get; } = histories;

    /// <param name="cuts">Boundaries of a split by time; null means leave-one-out.</param>
    public static DataSplit Of(UserHistories histories, TimeCuts? cuts) =>
        cuts is null ? new LeaveOneOut(histories) : new TimeSplit(histories, cuts);

    public int UserCount => Histories.UserCount;

    /// <summary>For the refit: the same test items, with the validation items in the training part and nothing to validate on.</summary>
    public abstract DataSplit WithValidation();

    public ReadOnlySpan<int> Items(int user) => Histories.At(user);

    /// <summary>Time of each of <see cref="Items"/>, in seconds since 1970.</summary>
    public ReadOnlySpan<long> Times(int user) => Histories.TimesAt(user);

    /// <summary>Item rows of the training part, oldest first: the beginning of <see cref="Items"/>.</summary>
    public ReadOnlySpan<int> Train(int user) => Items(user)[..TrainLength(user)];

    public ReadOnlySpan<long> TrainTimes(int user) => Histories.HasTimes ? Times(user)[..TrainLength(user)] : default;

    /// <summary>Weight of each of <see cref="Train"/>; empty if all are 1.</summary>
    public ReadOnlySpan<float> TrainWeights(int user) => Histories.HasWeights ? Histories.WeightsAt(user)[..TrainLength(user)] : default;

    /// <summary>The first items of a history, and the time of the next one (for the whole history: of its last one).</summary>
    public TimedHistory Prefix(int user, int count)
    {
        ReadOnlyMemory<long> times = Histories.TimesMemoryAt(user);
        long now = times.IsEmpty ? 0 : times.Span[Math.Min(count, times.Length - 1)];
        return new TimedHistory(Histories.MemoryAt(user)[..count], times.IsEmpty ? times : times[..count], now);
    }

    /// <summary>The item to predict and everything before it; for test, that includes the validation item. False for a user without
    /// an item to predict.</summary>
    public bool TryGet(int user, HeldOut part, out HeldOutCase found)
    {
        int position = TargetPosition(user, part);
        found = position < 0 ? default : new HeldOutCase(user, Prefix(user, position), Items(user)[position]);
        return position >= 0;
    }

    protected abstract int TrainLength(int user);

    /// <summary>Position of the target in the history; -1 if there is none.</summary>
    protected abstract int TargetPosition(int user, HeldOut part);
}

internal enum SplitKind
{
    LeaveOneOut,

    Time,
}

/// <summary>Leave-one-out: a user's last item is the test target, the one before it the validation target, the rest is for training. Users with fewer than
/// three items are only trained on.</summary>
/// <param name="heldOut">Items that a user's training part lacks: both targets, only that of test, or none (for the served model, after all measurements).</param>
internal sealed class LeaveOneOut(UserHistories histories, int heldOut = 2) : DataSplit(histories)
{
    public const string SplitName = "leave-one-out";
    private const int FewestItems = 3;

    public override DataSplit WithValidation() => new LeaveOneOut(Histories, Math.Min(heldOut, 1));

    protected override int TrainLength(int user)
    {
        int length = Items(user).Length;
        return length < FewestItems ? length : length - heldOut;
    }

    protected override int TargetPosition(int user, HeldOut part)
    {
        int length = Items(user).Length;
        int fromEnd = part == HeldOut.Test ? 1 : 2;
        return length < FewestItems || fromEnd > heldOut ? -1 : length - fromEnd;
    }
}

/// <summary>A global split by time: nothing from the future is trained on. A user's first item of the validation period is the validation target, the first of
/// the test period the test target, each predicted from the user's earlier items. Users with no item in the period, or no earlier item, are
/// skipped; a user's other items in those periods are only history for a later target.</summary>
internal sealed class TimeSplit(UserHistories histories, TimeCuts cuts) : DataSplit(histories)
{
    public const string SplitName = "time";

    public override DataSplit WithValidation() => new TimeSplit(Histories, cuts with { ValidationFrom = cuts.TestFrom });

    protected override int TrainLength(int user) => CountBefore(cuts.ValidationFrom, Times(user));

    protected override int TargetPosition(int user, HeldOut part)
    {
        ReadOnlySpan<long> times = Times(user);
        int position = CountBefore(part == HeldOut.Test ? cuts.TestFrom : cuts.ValidationFrom, times);
        bool isInPeriod = position < times.Length && (part == HeldOut.Test || times[position] < cuts.TestFrom);
        return isInPeriod && position > 0 ? position : -1;
    }

    /// <param name="times">Ascending.</param>
    internal static int CountBefore(long moment, ReadOnlySpan<long> times)
    {
        (int low, int high) = (0, times.Length);
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = times[middle] < moment ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}

/// <summary>The two moments at which a split by time divides every user's history.</summary>
/// <param name="ValidationFrom">End of the training part and start of validation.</param>
internal sealed record TimeCuts(long ValidationFrom, long TestFrom)
{
    /// <summary>Holds out the latest share of all interactions: the earlier half for validation, the later half for test.</summary>
    public static TimeCuts At(UserHistories histories, double heldOut)
    {
        long[] times = histories.Times.ToArray();
        Array.Sort(times);
        int validation = (int)((1 - heldOut) * times.Length);
        int test = (int)((1 - heldOut / 2) * times.Length);
        UserErrorException.ThrowIf(validation == 0 || validation == test || test == times.Length,
            $"--held-out {heldOut} of {times.Length:N0} interactions leaves none for training, validation or test. Use a {(validation == 0 ? "smaller" : "larger")} share.");

        var cuts = new TimeCuts(times[validation], times[test]);
        return times[0] < cuts.ValidationFrom && cuts.ValidationFrom < cuts.TestFrom
            ? cuts
            : throw new UserErrorException(
                $"The timestamps, {times[0]} to {times[^1]}, cannot separate training, validation and test: too many are equal. Use --split leave-one-out.");
    }
}

/// <summary>One item to predict, and what was known at its time.</summary>
/// <param name="User">Position of the user in the histories.</param>
/// <param name="History">The items before it, and its time.</param>
internal readonly record struct HeldOutCase(int User, TimedHistory History, int Target)
{
    /// <summary>Whether the target is among the last <paramref name="leftOut"/> items before it. If those are excluded from the ranking, no model
    /// can find it, so evaluations leave the user out.</summary>
    public bool IsRepeat(int leftOut = int.MaxValue) => History.Last(leftOut).Items.Span.Contains(Target);
}

/// <summary>Which user has which item in the training part, without order and repeats.</summary>
/// <param name="ItemsOfUser">[U] item rows.</param>
/// <param name="UsersOfItem">[V] positions of users, ascending.</param>
internal sealed record TrainIncidence(int[][] ItemsOfUser, int[][] UsersOfItem)
{
    public static TrainIncidence Of(DataSplit split, int items)
    {
        int[][] itemsOfUser = [.. Enumerable.Range(0, split.UserCount).Select(user => split.Train(user).ToArray().Distinct().ToArray())];
        List<int>[] usersOfItem = [.. Enumerable.Range(0, items).Select(_ => new List<int>())];
        for (int user = 0; user < itemsOfUser.Length; user++)
        {
            foreach (int item in itemsOfUser[user])
            {
                usersOfItem[item].Add(user);
            }
        }

        return new TrainIncidence(itemsOfUser, [.. usersOfItem.Select(users => users.ToArray())]);
    }
}

/// <summary>
/// How often two items are near each other in the histories of the training part: the more items lie between two interactions of a user,
/// the less the pair counts. In every data set tried, this predicts the next item better than co-occurrence in a history.
/// </summary>
internal sealed class NearbyItems
{
    private const float Negligible = 1e-4f; // pairs farther apart would add less than the rounding error

    private readonly DataSplit _split;
    private readonly int[] _starts; // [V + 1] into _places
    private readonly (int User, int Position)[] _places; // grouped by item

    /// <param name="split">Only its training part is used.</param>
    /// <param name="items">V</param>
    public NearbyItems(DataSplit split, int items)
    {
        _split = split;
        _starts = [0, .. PreparedData.CountTrain(split, items)];
        for (int item = 0; item < items; item++)
        {
            _starts[item + 1] += _starts[item];
        }

        _places = new (int, int)[_starts[items]];
        int[] next = _starts[..items];
        for (int user = 0; user < split.UserCount; user++)
        {
            ReadOnlySpan<int> train = split.Train(user);
            for (int position = 0; position < train.Length; position++)
            {
                _places[next[train[position]]++] = (user, position);
            }
        }
    }

    /// <summary>Number of interactions with an item.</summary>
    public int CountOf(int item) => _starts[item + 1] - _starts[item];

    /// <summary>Adds nearness^distance for every interaction around those with an item, including the item itself.</summary>
    /// <param name="nearness">At most 1; at 1, distance does not matter.</param>
    /// <param name="before">Further factor for interactions before the item.</param>
    /// <param name="sums">[V]</param>
    public void AddTo(int item, float nearness, float before, Span<float> sums)
    {
        foreach ((int user, int position) in _places.AsSpan(_starts[item].._starts[item + 1]))
        {
            ReadOnlySpan<int> train = _split.Train(user);
            sums[item]++;
            float weight = nearness;
            for (int distance = 1; weight > Negligible && distance < train.Length; distance++, weight *= nearness)
            {
                if (position + distance < train.Length)
                {
                    sums[train[position + distance]] += weight;
                }

                if (position >= distance)
                {
                    sums[train[position - distance]] += before * weight;
                }
            }
        }
    }
}

/// <summary>A user's last interaction with a held-out item.</summary>
/// <param name="Known">Number of the user's earlier interactions with other items.</param>
internal sealed record HeldOutItemCase(EntityId UserId, int Known, EntityId ItemId);

/// <summary>Items that <c>prepare --new-items</c> removes from the data entirely, with all their interactions, as if they did not exist yet:
/// an honest test of how new items are handled. Stored as <c>held_out_items.json</c> next to the prepared data.</summary>
/// <param name="Items">Their metadata; training never sees them.</param>
/// <param name="Cases">At most one per user, who must have an earlier history.</param>
internal sealed record HeldOutItems(IReadOnlyList<CatalogItem> Items, IReadOnlyList<HeldOutItemCase> Cases)
{
    public const string FileName = "held_out_items.json";

    public static (InteractionTable Kept, HeldOutItems HeldOut) Draw(InteractionTable interactions, double share, Random random, IReadOnlyList<CatalogItem> items)
    {
        int[] ids = interactions.ItemIds.Sort(InteractionTable.CountById(interactions.Items).Keys);
        random.Shuffle(ids);
        int[] drawn = ids[..(int)Math.Round(share * ids.Length)];
        UserErrorException.ThrowIf(drawn.Length == 0, $"--new-items {share} of {ids.Length} items is less than one item. Use a larger share.");

        HashSet<int> isHeldOut = [.. drawn];
        InteractionTable kept = interactions.Where(row => !isHeldOut.Contains(interactions.Items[row]));
        UserErrorException.ThrowIf(kept.Count == 0, $"No interaction is left after --new-items {share}. Use a smaller share.");

        List<HeldOutItemCase> cases = Find(UserOrder.Sort(interactions).Sorted, isHeldOut);
        UserErrorException.ThrowIf(cases.Count == 0, $"No user had another item before one of the {drawn.Length} that --new-items {share} removes. Use a larger share.");

        Catalog catalog = CatalogBuilder.Build(interactions.ItemIds.Typed(drawn), new int[drawn.Length], items);
        return (kept, new HeldOutItems(catalog.Items, cases));
    }

    public void Write(string folder) => TrainingJson.Write(Path.Combine(folder, FileName), this);

    public static HeldOutItems Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        return TrainingJson.Read<HeldOutItems>(path)
            ?? throw new UserErrorException($"There is no {path}. Run 'prepare' with --new-items and train again: this evaluation needs items that training has not seen.");
    }

    private static List<HeldOutItemCase> Find(InteractionTable sorted, HashSet<int> isHeldOut)
    {
        var cases = new OrderedDictionary<int, HeldOutItemCase>(); // by user; a later one replaces an earlier one
        int known = 0;
        for (int row = 0; row < sorted.Count; row++)
        {
            int user = sorted.Users[row];
            known = row > 0 && user == sorted.Users[row - 1] ? known : 0;
            if (!isHeldOut.Contains(sorted.Items[row]))
            {
                known++;
            }
            else if (known > 0)
            {
                cases[user] = new HeldOutItemCase(sorted.UserIds[user], known, sorted.ItemIds[sorted.Items[row]]);
            }
        }

        return [.. cases.Values];
    }
}
