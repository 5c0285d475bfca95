using System.Globalization;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Data;
using NanoRecSys.Training.Data.Files;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.Training.Data;

/// <summary>An interaction as it was understood.</summary>
/// <param name="User">The user's id.</param>
/// <param name="Item">The item's.</param>
/// <param name="Time">In UTC; the place in the file where the data has no times.</param>
/// <param name="Rating">As the file has it; 1 where it has none.</param>
/// <param name="Weight">Of its type of event.</param>
internal sealed record PreviewRow(EntityId User, EntityId Item, string Time, double Rating, double Weight);

/// <summary>One bar of a histogram.</summary>
/// <param name="From">The least number of interactions.</param>
/// <param name="To">The greatest.</param>
/// <param name="Count">Users or items that have so many.</param>
internal sealed record HistogramBar(int From, int To, int Count);

/// <summary>What <c>inspect</c> says of a data set.</summary>
/// <param name="Summary">What <c>prepare</c> would make of it; null where it would refuse it.</param>
/// <param name="Refusal">Why.</param>
/// <param name="Format">What the files were recognised as.</param>
/// <param name="TimeUnit">Of their times.</param>
internal sealed record DataReport(DatasetSummary? Summary, string? Refusal, RecognizedFormat Format, string TimeUnit)
{
    private const int PreviewRows = 5;
    private static readonly int[] Bounds = [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000, 100_000, int.MaxValue];

    /// <summary>The first interactions.</summary>
    public IReadOnlyList<PreviewRow> Preview { get; init; } = [];

    public int Users { get; init; }

    public int Items { get; init; }

    /// <summary>Without exact repeats.</summary>
    public long Interactions { get; init; }

    public int ExactRepeats { get; init; }

    public long BadRows { get; init; }

    /// <summary>Interactions with an item that the user had before.</summary>
    public long Repeated { get; init; }

    /// <summary>Ratings below zero.</summary>
    public int NegativeRatings { get; init; }

    /// <summary>Interactions that are more than a day in the future.</summary>
    public int FutureTimes { get; init; }

    public float LowestRating { get; init; }

    public float HighestRating { get; init; }

    public IReadOnlyList<EventTypeCount> EventTypes { get; init; } = [];

    /// <summary>Users by the length of their history.</summary>
    public IReadOnlyList<HistogramBar> HistoryLengths { get; init; } = [];

    /// <summary>Items by their interactions.</summary>
    public IReadOnlyList<HistogramBar> Popularity { get; init; } = [];

    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>What <c>--preset auto</c> chooses.</summary>
    public string? Preset { get; init; }

    /// <summary>What its training would take here; null where it was not measured.</summary>
    public EpochEstimate? Estimate { get; init; }

    /// <summary>Reads the data as <c>prepare</c> does, and leaves nothing behind.</summary>
    /// <param name="options">Of <c>prepare</c>.</param>
    /// <param name="steps">Of training that are timed; 0 for none.</param>
    /// <param name="context">Of the step.</param>
    /// <exception cref="UserErrorException">The data cannot be read.</exception>
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

        report = report with { Summary = prepared.Summary, Preset = Presets.Get("auto", prepared.Summary).Name, Repeated = prepared.Summary.Repeated };
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
            HistoryLengths = Histogram(users),
            Popularity = Histogram(items),
        };
    }

    private static EntityId Typed(IdCodes codes, int code) => EntityId.Of(codes[code].Text, codes.AreNumbers);

    private static List<HistogramBar> Histogram(int[] counts)
    {
        var bars = new List<HistogramBar>();
        for (int i = 0; i + 1 < Bounds.Length; i++)
        {
            (int from, int to) = (Bounds[i], Bounds[i + 1] - 1);
            bars.Add(new HistogramBar(from, to, counts.Count(count => count >= from && count <= to)));
        }

        return bars.GetRange(0, 1 + bars.FindLastIndex(bar => bar.Count > 0));
    }

    // Of data in a folder that goes away.
    private static async Task<EpochEstimate?> EstimateAsync(Preparation prepared, int steps, StepContext context)
    {
        string folder = Directory.CreateTempSubdirectory("nanorecsys-").FullName;
        try
        {
            StepContext there = context with { Workspace = new Workspace(new Core.Artifacts.ArtifactStore(folder), context.Workspace.Dataset) };
            await prepared.WriteAsync(there);
            return await EpochEstimate.MeasureAsync("auto", steps, there);
        }
        catch (UserErrorException)
        {
            return null; // too little to train on, which a note says
        }
        finally
        {
            Core.Artifacts.AtomicFolder.DeleteIfExists(folder);
        }
    }

    private static string Moment(long seconds) => seconds is > -62_135_596_800 and < 253_402_300_800 // the years 1 to 9999
        ? DateTimeOffset.FromUnixTimeSeconds(seconds).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)
        : seconds.ToString(CultureInfo.InvariantCulture);
}
