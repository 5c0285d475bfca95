namespace NanoRecSys.Training.Data.Files;

internal sealed record ReadOptions
{
    public string? Columns { get; init; }
    public string? Items { get; init; }
    public string? EventWeights { get; init; }
    public int SkipBadRows { get; init; }
    public bool KeepRepeats { get; init; }
}

/// <param name="Columns">By role: user, item, time, weight, event.</param>
internal sealed record RecognizedFormat(int Files, string Format, IReadOnlyDictionary<string, string> Columns, IReadOnlyList<string> Ignored)
{
    public string? Items { get; init; }
    public string? ItemsFormat { get; init; }
    public IReadOnlyList<string> ItemColumns { get; init; } = [];

    public static RecognizedFormat Of(OpenedData opened)
    {
        (DataTable table, ColumnRoles roles) = opened.Interactions[0];
        Dictionary<string, string> columns = Enum.GetValues<Role>().Where(role => roles.ColumnOf(role) >= 0)
            .ToDictionary(role => role.ToString().ToLowerInvariant(), role => table.Columns[roles.ColumnOf(role)]);
        return new RecognizedFormat(opened.Interactions.Count, table.Format, columns, [.. table.Columns.Except(columns.Values)]);
    }

    public string Describe()
    {
        string columns = string.Join(", ", Columns.Select(column => column.Key == column.Value ? column.Key : $"{column.Key}={column.Value}"));
        string files = Files == 1 ? "" : $"{Files:N0} files: ";
        return $"Interactions: {files}{Format}; columns {columns}{(Ignored.Count == 0 ? "" : "; not read: " + string.Join(", ", Ignored))}."
            + (Items is null ? "" : $" Items: {Path.GetFileName(Items)}, {ItemsFormat}; {string.Join(", ", ItemColumns)}.");
    }
}

/// <param name="Interactions">In file order, without exact repeats.</param>
internal sealed record ReadData(InteractionTable Interactions, IReadOnlyList<CatalogItem> Items, TimeUnit Unit, TimeForm Form)
{
    public required RecognizedFormat Format { get; init; }
    public int Repeats { get; init; }
    public long Bad { get; init; }
    public long Excluded { get; init; }
    public IReadOnlyList<EventTypeCount> EventTypes { get; init; } = [];

    public static async Task<ReadData> ReadAsync(
        OpenedData opened, ReadOptions options, List<string> notes, Action<double>? progress, CancellationToken cancellation)
    {
        // First, because the interactions of a large data set take longer.
        var itemsReader = new ItemsReader(opened.Duck, options.SkipBadRows);
        IReadOnlyList<CatalogItem> items = opened.Items is null ? [] : await itemsReader.ReadAsync(opened.Items, opened.ItemColumns(opened.Items), opened.Genres, cancellation);
        int done = 0;
        IReadOnlyDictionary<string, float> weights = EventWeights.Parse(options.EventWeights);
        var reader = new InteractionsReader(
            opened.Duck, weights, options.SkipBadRows, share => progress?.Invoke((done + share) / opened.Interactions.Count));
        foreach ((DataTable table, ColumnRoles roles) in opened.Interactions)
        {
            await reader.ReadAsync(table, roles, cancellation);
            done++;
        }

        RecognizedFormat format = RecognizedFormat.Of(opened) with { Items = opened.Items?.File.Name, ItemsFormat = opened.Items?.Format, ItemColumns = itemsReader.Columns };
        InteractionTable read = reader.Table;
        if (read.Count == 0)
        {
            throw new UserErrorException(reader.Excluded > 0
                ? "No event is left: --event-weights gives none of the data's types a weight above zero."
                : $"{opened.Interactions[0].Table.File.Name} contains no rows.");
        }

        notes.AddRange(opened.Notes);
        if (itemsReader.Repeated > 0)
        {
            notes.Add($"{itemsReader.Repeated:N0} rows of {opened.Items!.File.Name} describe an item that an earlier row describes. The first one counts.");
        }

        DataChecks.Describe(read, reader.Form, notes);
        TimeUnit unit = reader.Form switch { TimeForm.Dates => TimeUnit.Dates, TimeForm.None => TimeUnit.Order, _ => TimeUnit.Of(read.Times, reader.HasFractions) };
        if (reader.IsOrdered)
        {
            read.NumberTimes(); // if the position is the time, a copy of a row is another interaction
        }

        InteractionTable kept = options.KeepRepeats ? read : DuplicateRows.Drop(read);
        if (reader.Form == TimeForm.None)
        {
            kept.NumberTimes();
        }

        var result = new ReadData(kept, items, unit, reader.Form)
        {
            Format = format,
            Repeats = read.Count - kept.Count,
            Bad = reader.Bad + itemsReader.Bad,
            Excluded = reader.Excluded,
            EventTypes = reader.EventTypes,
        };
        result.Note(reader.FirstBad ?? itemsReader.FirstBad, weights, notes);
        return result;
    }

    private void Note(string? firstBad, IReadOnlyDictionary<string, float> weights, List<string> notes)
    {
        if (Repeats > 0)
        {
            notes.Add($"{Repeats:N0} rows are exact copies of earlier ones and were dropped. --keep-repeats keeps them.");
        }

        if (Bad > 0)
        {
            notes.Add($"{Bad:N0} rows cannot be read and were left out. The first: {firstBad}");
        }

        if (Unit.Note is { } note)
        {
            notes.Add(note);
        }

        if (EventTypes.Count > 0 && weights.Count == 0)
        {
            notes.Add($"All events have weight 1, whatever their type: {string.Join(", ", EventTypes.Take(10).Select(type => $"{type.Name} {type.Rows}"))}. --event-weights sets weights by type, and excludes types below zero.");
        }

        string[] unknown = [.. weights.Keys.Except(EventTypes.Select(type => type.Name), StringComparer.OrdinalIgnoreCase)];
        if (unknown.Length > 0)
        {
            notes.Add($"--event-weights names types that the data does not have: {string.Join(", ", unknown)}. It has {string.Join(", ", EventTypes.Select(type => type.Name).DefaultIfEmpty("no column of event types"))}.");
        }

        if (Excluded > 0)
        {
            notes.Add($"{Excluded:N0} events have a type of weight zero or less and are not interactions.");
        }
    }
}
