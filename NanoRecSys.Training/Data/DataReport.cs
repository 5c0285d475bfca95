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
            StepContext there = context with { Workspace = new Workspace(new Core.Artifacts.ArtifactStore(folder), context.Workspace.Dataset) };
            await prepared.WriteAsync(there);
            return await EpochEstimate.MeasureAsync("auto", steps, there);
        }
        catch (UserErrorException)
        {
            return null; // too little to train on; a note says so
        }
        finally
        {
            Core.Artifacts.AtomicFolder.DeleteIfExists(folder);
        }
    }

    private static string Moment(long seconds) => seconds is > -62_135_596_800 and < 253_402_300_800 // the years 1 to 9999
        ? DateTimeOffset.FromUnixTimeSeconds(seconds).ToString("yyyy-MM-dd HH:mm:ss")
        : seconds.ToString(CultureInfo.InvariantCulture);
}
