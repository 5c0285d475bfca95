using System.Numerics.Tensors;

namespace NanoRecSys.Training.Data;

/// <param name="Time">In UTC; the position in the file if the data has no times.</param>
/// <param name="Rating">As in the file; 1 if there is none.</param>
internal sealed record PreviewRow(EntityId User, EntityId Item, string Time, double Rating, double Weight);

/// <param name="Summary">What <c>prepare</c> would make of the data; null if it would reject it.</param>
internal sealed record DataReport(DatasetSummary? Summary, string? Refusal, RecognizedFormat Format, string TimeUnit)
{
    private const int PreviewRows = 5;

    public IReadOnlyList<PreviewRow> Preview { get; init; } = [];
    public int Users { get; init; }
    public int Items { get; init; }
    public long Interactions { get; init; }
    public int ExactRepeats { get; init; }
    public long BadRows { get; init; }
    public long Repeated { get; init; }
    public int NegativeRatings { get; init; }

    /// <summary>Interactions that are more than a day in the future.</summary>
    public int FutureTimes { get; init; }
    public float LowestRating { get; init; }
    public float HighestRating { get; init; }
    public IReadOnlyList<EventTypeCount> EventTypes { get; init; } = [];
    public IReadOnlyList<CountBand> HistoryLengths { get; init; } = [];
    public IReadOnlyList<CountBand> Popularity { get; init; } = [];
    public IReadOnlyList<string> Notes { get; init; } = [];
    public string? Preset { get; init; }

    /// <summary>Number of networks that the preset trains.</summary>
    public int Networks { get; init; } = 1;

    /// <summary>Estimated cost of training on this machine; null if not measured.</summary>
    public EpochEstimate? Estimate { get; init; }

    /// <summary>Reads the data as <c>prepare</c> does, but writes nothing.</summary>
    public static async Task<DataReport> InspectAsync(PrepareOptions options, int steps, StepContext context)
    {
        using OpenedData source = await DatasetSource.OpenAsync(options, context);
        var notes = new List<string>();
        ReadData data = await ReadData.ReadAsync(
            source, options.Reading, notes, share => context.Progress.Report(new() { Fraction = 0.5 * share }), context.Cancellation);
        DataReport report = Of(data, TimeProvider.System.GetUtcNow()) with { Notes = notes };
        Preparation prepared;
        try
        {
            prepared = await PrepareStep.PrepareAsync(source, data, options, notes, context);
        }
        catch (UserErrorException e)
        {
            return report with { Refusal = e.Message };
        }

        Preset preset = Presets.Get("auto", prepared.Summary);
        report = report with { Summary = prepared.Summary, Preset = preset.Name, Networks = preset.Retriever.Members ?? 1, Repeated = prepared.Summary.Repeated };
        return steps == 0 ? report : report with { Estimate = await EstimateAsync(prepared, steps, context) };
    }

    private static DataReport Of(ReadData data, DateTimeOffset now)
    {
        InteractionTable table = data.Interactions;
        bool hasTimes = data.Form != TimeForm.None;
        long tomorrow = now.AddDays(1).ToUnixTimeSeconds();
        (int negative, int future, float lowest, float highest) = (0, 0, float.MaxValue, float.MinValue);
        var (users, items) = (new int[table.UserIds.Count], new int[table.ItemIds.Count]);
        for (int i = 0; i < table.Count; i++)
        {
            Interaction row = table[i];
            users[row.User]++;
            items[row.Item]++;
            negative += row.Rating < 0 ? 1 : 0;
            future += hasTimes && data.Unit.ToSeconds(row.Timestamp) > tomorrow ? 1 : 0;
            (lowest, highest) = (Math.Min(lowest, row.Rating), Math.Max(highest, row.Rating));
        }

        return new DataReport(null, null, data.Format, data.Unit.Name)
        {
            Preview = [.. Enumerable.Range(0, Math.Min(PreviewRows, table.Count)).Select(i => new PreviewRow(
                Typed(table.UserIds, table[i].User), Typed(table.ItemIds, table[i].Item),
                hasTimes ? Moment(data.Unit.ToSeconds(table[i].Timestamp)) : $"{i + 1}", table[i].Rating, table[i].Weight))],
            Users = users.Count(count => count > 0),
            Items = items.Count(count => count > 0),
            Interactions = table.Count,
            ExactRepeats = data.Repeats,
            BadRows = data.Bad,
            NegativeRatings = negative,
            FutureTimes = future,
            LowestRating = lowest,
            HighestRating = highest,
            EventTypes = data.EventTypes,
            HistoryLengths = CountBands.Of(users.Where(count => count > 0)),
            Popularity = CountBands.Of(items.Where(count => count > 0)),
        };
    }

    private static EntityId Typed(IdCodes codes, int code) => EntityId.Of(codes[code].Text, codes.AreNumbers);

    // Runs on the data in a temporary folder.
    private static async Task<EpochEstimate?> EstimateAsync(Preparation prepared, int steps, StepContext context)
    {
        string folder = Directory.CreateTempSubdirectory("nanorecsys-").FullName;
        try
        {
            StepContext there = context with { Workspace = new Workspace(new ArtifactStore(folder), context.Workspace.Dataset) };
            await prepared.WriteAsync(there);
            return await EpochEstimate.MeasureAsync("auto", steps, there);
        }
        catch (UserErrorException)
        {
            return null; // too little to train on; a note says so
        }
        finally
        {
            AtomicFolder.DeleteIfExists(folder);
        }
    }

    private static string Moment(long seconds) => seconds is > -62_135_596_800 and < 253_402_300_800 // the years 1 to 9999
        ? DateTimeOffset.FromUnixTimeSeconds(seconds).ToString("yyyy-MM-dd HH:mm:ss")
        : seconds.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Unit of a file's timestamps. Prepared times are in seconds, like those of the API's events.</summary>
internal sealed record TimeUnit(string Name, long PerSecond)
{
    public static readonly TimeUnit Seconds = new("seconds", 1);

    /// <summary>ISO dates, stored as microseconds.</summary>
    public static readonly TimeUnit Dates = new("dates", 1_000_000);

    /// <summary>No times; the order of the rows counts.</summary>
    public static readonly TimeUnit Order = new("order of the file", 1);

    // Seconds reach the first limit in the year 5138; milliseconds passed it in March 1973, and so on.
    private static readonly (TimeUnit Unit, long Limit)[] Units =
    [
        (Seconds, 100_000_000_000),
        (new TimeUnit("milliseconds", 1_000), 100_000_000_000_000),
        (new TimeUnit("microseconds", 1_000_000), 100_000_000_000_000_000),
        (new TimeUnit("nanoseconds", 1_000_000_000), long.MaxValue),
    ];

    public static TimeUnit Of(ReadOnlySpan<long> times, bool areThousandths)
    {
        TimeUnit unit = Of(times);
        return areThousandths && Units.FirstOrDefault(one => one.Unit.PerSecond * 1000 == unit.PerSecond) is { Unit: { } written }
            ? unit with { Name = $"{written.Name} with decimals" }
            : unit;
    }

    private static TimeUnit Of(ReadOnlySpan<long> times)
    {
        long?[] examples = new long?[Units.Length];
        foreach (long time in times)
        {
            if (time != 0) // zero fits every unit
            {
                examples[IndexOf(time)] ??= time;
            }
        }

        int[] found = [.. Enumerable.Range(0, Units.Length).Where(unit => examples[unit] is not null)];
        return found switch
        {
            [] => Seconds,
            [var only] => Units[only].Unit,
            [var first, var second, ..] => throw new UserErrorException(
                $"Some timestamps look like {Units[first].Unit.Name} ({examples[first]}), others like {Units[second].Unit.Name} ({examples[second]}). "
                + "Write all of them in one unit, preferably seconds since 1970."),
        };
    }

    private static int IndexOf(long time)
    {
        int unit = 0;
        while (unit < Units.Length - 1 && (time >= Units[unit].Limit || time <= -Units[unit].Limit))
        {
            unit++;
        }

        return unit;
    }

    public string? Note => this == Seconds ? null
        : this == Dates ? "The times are dates and were converted to seconds since 1970; without a time zone they are read as UTC."
        : this == Order ? "There is no time column: the order of the file is used."
        : $"The timestamps are {Name} since 1970 and were converted to seconds.";

    /// <summary>Rounds down, also before 1970.</summary>
    public long ToSeconds(long time) => time / PerSecond - (time % PerSecond < 0 ? 1 : 0);
}

/// <summary>Exact copies of rows, as left by a repeated export or concatenated files.</summary>
internal static class DuplicateRows
{
    public static InteractionTable Drop(InteractionTable rows)
    {
        // Nearly all data has none; sorted hashes show that within 2 s for 20 million rows in any order.
        var hashes = new ulong[rows.Count];
        for (int i = 0; i < hashes.Length; i++)
        {
            hashes[i] = HashOf(rows[i]);
        }

        ulong[] sorted = [.. hashes];
        Array.Sort(sorted);
        var repeated = new HashSet<ulong>();
        for (int i = 1; i < sorted.Length; i++)
        {
            if (sorted[i] == sorted[i - 1])
            {
                repeated.Add(sorted[i]);
            }
        }

        var seen = new HashSet<Interaction>();
        return repeated.Count == 0 ? rows : rows.Where(i => !repeated.Contains(hashes[i]) || seen.Add(rows[i]));
    }

    private static ulong HashOf(Interaction row)
    {
        ulong hash = ((ulong)(uint)row.User << 32 | (uint)row.Item) * 0x9E3779B97F4A7C15;
        hash = ((hash ^ hash >> 29) + (ulong)row.Timestamp) * 0xBF58476D1CE4E5B9;
        return (hash ^ hash >> 32) + BitConverter.SingleToUInt32Bits(row.Rating) * 0x94D049BB133111EBUL;
    }
}

/// <summary>Finds unusual ratings and timestamps, and data that is too small.</summary>
internal static class DataChecks
{
    private const float SwappedRating = 1e6f;
    private const long SwappedTime = 10_000;
    private const long EndOf1970 = 31_536_000; // in seconds: days, hours and dates such as 20251231 are all below it
    private const int LeastInteractions = 4; // two to train on, one to validate, one to test

    /// <param name="rows">At least one.</param>
    /// <param name="notes">Receives one sentence per finding.</param>
    public static void Describe(InteractionTable rows, TimeForm form, ICollection<string> notes)
    {
        int negative = 0;
        foreach (float rating in rows.Ratings)
        {
            negative += rating < 0 ? 1 : 0;
        }

        (float lowest, float highest) = (TensorPrimitives.Min(rows.Ratings), TensorPrimitives.Max(rows.Ratings));
        (long earliest, long latest) = (TensorPrimitives.Min(rows.Times), TensorPrimitives.Max(rows.Times));
        bool hasSmallTimes = form == TimeForm.Numbers && latest < EndOf1970 && earliest > -EndOf1970;
        UserErrorException.ThrowIf(hasSmallTimes && highest > SwappedRating && latest < SwappedTime && earliest > -SwappedTime,
            $"The columns rating and timestamp look swapped: ratings reach {highest:0}, timestamps {latest}. Name them: --columns weight=COLUMN,time=COLUMN.");

        if (negative > 0)
        {
            notes.Add($"{negative:N0} ratings are negative (down to {lowest:0.##}). Without --min-rating every interaction is a positive.");
        }

        if (hasSmallTimes)
        {
            notes.Add($"All timestamps are below {EndOf1970:N0} ({earliest} to {latest}), so they are not seconds since 1970, or the column is another one. Only their order is used; events from the API are newer than all of them.");
        }
    }

    /// <summary>Reports how repeats affect evaluations, and whether there is enough to train on.</summary>
    /// <param name="notes">Receives one sentence per finding.</param>
    public static void DescribeHeldOut(DataSplit split, long repeated, bool isEvaluated, ICollection<string> notes)
    {
        int longest = 0;
        bool trains = false;
        (int Cases, int Repeats) validation = default, test = default;
        for (int user = 0; user < split.UserCount; user++)
        {
            longest = Math.Max(longest, split.Items(user).Length);
            trains |= split.Train(user).Length >= LeastInteractions - 2;
            Count(user, HeldOut.Validation, ref validation);
            Count(user, HeldOut.Test, ref test);
        }

        foreach ((string part, (int cases, int repeats)) in new[] { ("validation", validation), ("test", test) })
        {
            if (isEvaluated && cases == repeats)
            {
                throw new UserErrorException(repeats > 0
                    ? $"All {repeats:N0} {part} items repeat an earlier item of their user, and seen items are never recommended: nothing can be measured. Prepare more data; if all rows occur twice with different timestamps, keep one of each."
                    : split is TimeSplit
                        ? $"No user has an interaction in the {part} period and one before it. Change --held-out, or use --split leave-one-out."
                        : $"No user has {LeastInteractions - 1} interactions, of which the last two are held out: the longest history has {longest}. Prepare more data.");
            }
        }

        if (repeated > 0)
        {
            notes.Add(
                $"{repeated:N0} interactions repeat an earlier item of their user. They stay in the histories, but seen items are never recommended: evaluations leave out {validation.Repeats:N0} of {validation.Cases:N0} users on validation and {test.Repeats:N0} of {test.Cases:N0} on test, whose target is a repeat.");
        }

        if (!trains)
        {
            notes.Add($"No user has {LeastInteractions} interactions, so there is nothing to train a retriever or a ranker on: only baselines can be evaluated.");
        }

        void Count(int user, HeldOut part, ref (int Cases, int Repeats) counts)
        {
            if (split.TryGet(user, part, out HeldOutCase found))
            {
                counts = (counts.Cases + 1, counts.Repeats + (found.IsRepeat() ? 1 : 0));
            }
        }
    }
}
