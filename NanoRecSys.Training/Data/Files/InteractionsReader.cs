using System.Buffers.Text;
using Apache.Arrow;
using DuckDB.NET.Data;

namespace NanoRecSys.Training.Data.Files;

internal enum TimeForm
{
    /// <summary>No times: the order of the rows counts.</summary>
    None,

    /// <summary>Numbers since 1970, in a unit that <see cref="TimeUnit"/> recognizes.</summary>
    Numbers,

    /// <summary>ISO dates or Parquet timestamps, stored as microseconds.</summary>
    Dates,
}

/// <summary>Reads the interactions of one file after another into one table.</summary>
/// <param name="weights">See <see cref="EventWeights"/>.</param>
internal sealed class InteractionsReader(DuckDb duck, IReadOnlyDictionary<string, float> weights, int skipBadRows, Action<double>? progress)
{
    private const int TimeParts = 1000; // per unit of time with decimals
    private readonly IdCodes _events = new();
    private readonly List<(float Weight, long Rows)> _eventTypes = [];
    private TimeForm? _form;

    public InteractionTable Table { get; } = new();
    public long Bad { get; private set; }
    public string? FirstBad { get; private set; }
    public long Excluded { get; private set; }

    /// <summary>Whether a row's position in the file is its time, even for exact repeats.</summary>
    public bool IsOrdered { get; private set; }

    public TimeForm Form => _form ?? TimeForm.None;

    /// <summary>Whether times have decimals; they are then stored in thousandths of their unit.</summary>
    public bool HasFractions { get; private set; }

    public IReadOnlyList<EventTypeCount> EventTypes =>
        [.. _eventTypes.Select((type, code) => new EventTypeCount(_events[code].Text, type.Weight, type.Rows)).OrderByDescending(type => type.Rows)];

    public async Task ReadAsync(DataTable table, ColumnRoles roles, CancellationToken cancellation)
    {
        IsOrdered |= table.IsOrdered;
        if (table.IsSequences)
        {
            ReadSequences(table, cancellation);
            return;
        }

        Columns columns = Columns.Of(table, roles);
        if (_form is { } former && former != columns.Form)
        {
            throw new UserErrorException($"{table.File.Name} has {Describe(columns.Form)}, but the previous file has {Describe(former)}. Use the same time format in all files.");
        }

        _form = columns.Form;
        var bad = new List<(long Row, string Reason)>();
        long row = 0;
        try
        {
            await foreach (RecordBatch batch in duck.StreamAsync(table.Select(columns.Expressions), cancellation))
            {
                Values values = Values.Of(batch, columns);
                for (int i = 0; i < batch.Length && Bad + bad.Count <= skipBadRows; i++)
                {
                    if (Read(values, i) is { } reason)
                    {
                        bad.Add((row + i, reason));
                    }
                }

                row += batch.Length;
                progress?.Invoke(table.Rows > 0 ? Math.Min(1, (double)row / table.Rows) : 0);
                if (Bad + bad.Count > skipBadRows)
                {
                    break;
                }
            }
        }
        catch (DuckDBException e)
        {
            throw DuckDb.CannotRead(table.File, e);
        }

        (long count, string? first) = BadRow.Judge(table, duck, bad, skipBadRows - Bad);
        Bad += count;
        FirstBad ??= first;
    }

    // Why a row cannot be read; null if it was read.
    private string? Read(Values values, int i)
    {
        ReadOnlySpan<byte> user = Values.Text(values.User, i);
        ReadOnlySpan<byte> item = Values.Text(values.Item, i);
        if (!TryCode(Table.UserIds, user, out int userCode) || !TryCode(Table.ItemIds, item, out int itemCode))
        {
            bool isUser = !IsId(user);
            return BadRow.NotAnId(isUser ? values.Columns.User : values.Columns.Item, Encoding.UTF8.GetString(isUser ? user : item));
        }

        if (!Values.TryNumber(values.Weight, i, 1, out double rating) || !float.IsFinite((float)rating))
        {
            return Values.Shown(values.Weight, i) is { Length: > 0 } shown
                ? $"the {values.Columns.Weight} '{shown}' is not a number"
                : $"the {values.Columns.Weight} is missing; --columns weight= leaves the column out";
        }

        long time = 0;
        if (values.Time is not null && !TryTime(values, i, out time))
        {
            return values.Columns.Form == TimeForm.Dates ? $"the {values.Columns.Time} is missing or not an ISO date"
                : values.Time.IsNull(i) || (values.Time is StringArray && Values.Text(values.Time, i).IsEmpty) ? $"the {values.Columns.Time} is missing; --columns time= leaves the column out"
                : $"the {values.Columns.Time} '{Values.Shown(values.Time, i)}' is not a time: a number since 1970, or an ISO date";
        }

        float weight = 1;
        if (values.Event is not null)
        {
            ReadOnlySpan<byte> name = Values.Text(values.Event, i);
            if (!IsId(name))
            {
                return $"the {values.Columns.Event} is missing, or not a name";
            }

            weight = WeightOf(name);
        }

        if (weight > 0)
        {
            Table.Add(new Interaction(userCode, itemCode, (float)rating, time, weight));
        }
        else
        {
            Excluded++;
        }

        return null;
    }

    private float WeightOf(ReadOnlySpan<byte> name)
    {
        int code = _events.CodeOf(name);
        if (code == _eventTypes.Count)
        {
            _eventTypes.Add((weights.GetValueOrDefault(Encoding.UTF8.GetString(name), 1), 0));
            UserErrorException.ThrowIf(code == 1000,
                $"The column of event types has more than 1,000 different names. Leave it out with --columns event=, or name another column.");
        }

        (float weight, long rows) = _eventTypes[code];
        _eventTypes[code] = (weight, rows + 1);
        return weight;
    }

    // Numbers with decimals are stored in thousandths of their unit, to keep their order.
    private bool TryTime(Values values, int i, out long time)
    {
        time = 0;
        if (values.Time is Int64Array whole)
        {
            if (whole.IsNull(i))
            {
                return false;
            }

            time = whole.Values[i];
        }
        else if (values.Time is StringArray && Utf8Parser.TryParse(Values.Text(values.Time, i), out long parsed, out int used) && used == Values.Text(values.Time, i).Length)
        {
            time = parsed;
        }
        else if (!Values.TryNumber(values.Time, i, double.NaN, out double number) || Math.Abs(number) > long.MaxValue / (2.0 * TimeParts))
        {
            return false;
        }
        else if (double.IsInteger(number))
        {
            time = (long)number;
        }
        else
        {
            if (!HasFractions)
            {
                Table.MultiplyTimes(TimeParts);
                HasFractions = true;
            }

            time = (long)Math.Round(number * TimeParts);
            return true;
        }

        time *= HasFractions && values.Columns.Form == TimeForm.Numbers ? TimeParts : 1;
        return true;
    }

    private void ReadSequences(DataTable table, CancellationToken cancellation)
    {
        _form = TimeForm.None;
        using Stream stream = TextHead.Open(table.File);
        var lines = new ByteLines(stream, table.File.Name);
        while (lines.TryRead(out ReadOnlySpan<byte> line))
        {
            cancellation.ThrowIfCancellationRequested();
            string? reason = null;
            int user = -1;
            int ids = 0;
            foreach (Range part in line.SplitAny(" \t"u8))
            {
                ReadOnlySpan<byte> id = line[part];
                if (id.IsEmpty)
                {
                    continue;
                }

                if (!TryCode(ids == 0 ? Table.UserIds : Table.ItemIds, id, out int code))
                {
                    reason = BadRow.NotAnId(ids == 0 ? "user" : "item", Encoding.UTF8.GetString(id));
                    break;
                }

                if (ids++ == 0)
                {
                    user = code;
                }
                else
                {
                    Table.Add(new Interaction(user, code, 1, 0));
                }
            }

            reason ??= ids == 1 ? "expected a user and items, found one id" : null;
            if (reason is not null)
            {
                FirstBad ??= BadRow.Message(table.File.Name, $"line {lines.Number}", reason, TextHead.Decode(line));
                if (++Bad > skipBadRows)
                {
                    throw new UserErrorException(FirstBad);
                }
            }
        }
    }

    private static bool TryCode(IdCodes codes, ReadOnlySpan<byte> id, out int code) =>
        codes.TryFind(id, out code, out int slot) || (IsId(id) && (code = codes.Add(id, slot)) >= 0);

    private static bool IsId(ReadOnlySpan<byte> utf8) => utf8.Length is > 0 and <= EntityId.MaxBytes
        && ((utf8[0] != '.' && !utf8.ContainsAnyExceptInRange((byte)' ', (byte)'~')) || EntityId.IsValid(Encoding.UTF8.GetString(utf8)));

    private static string Describe(TimeForm form) => form switch { TimeForm.None => "no times", TimeForm.Dates => "dates", _ => "numeric times" };

    /// <summary>The selected columns: users, items, and times, weights and events if present.</summary>
    private sealed record Columns(string User, string Item, string? Time, string? Weight, string? Event, TimeForm Form, IReadOnlyList<string> Expressions)
    {
        public static Columns Of(DataTable table, ColumnRoles roles)
        {
            string? NameOf(int column) => column < 0 ? null : table.HasHeader ? table.Columns[column] : $"column {table.Columns[column]}";
            var expressions = new List<string> { table.TextOf(roles.User), table.TextOf(roles.Item) };
            TimeForm form = TimeForm.None;
            if (roles.Time >= 0)
            {
                string type = table.Types[roles.Time];
                string time = table.ValueOf(roles.Time);
                bool isText = type == "VARCHAR";
                form = type == "DATE" || type.StartsWith("TIMESTAMP", StringComparison.Ordinal)
                    || (isText && table.Sample.Select(row => row[roles.Time]).FirstOrDefault(text => !string.IsNullOrWhiteSpace(text)) is { } first && Content.IsDate(first))
                    ? TimeForm.Dates : TimeForm.Numbers;
                expressions.Add(form == TimeForm.Dates ? $"epoch_us(TRY_CAST({(isText ? $"trim({time})" : time)} AS TIMESTAMPTZ))" : isText ? time : IsWhole(type) ? $"{time}::BIGINT" : $"{time}::DOUBLE");
            }

            foreach (int column in new[] { roles.Weight, roles.Event }.Where(column => column >= 0))
            {
                bool isNumber = column == roles.Weight && table.Types[column] != "VARCHAR";
                expressions.Add(isNumber ? $"{table.ValueOf(column)}::DOUBLE" : table.TextOf(column));
            }

            return new Columns(NameOf(roles.User)!, NameOf(roles.Item)!, NameOf(roles.Time), NameOf(roles.Weight), NameOf(roles.Event), form, expressions);
        }

        private static bool IsWhole(string type) => type.EndsWith("INT", StringComparison.Ordinal) || type.EndsWith("INTEGER", StringComparison.Ordinal);
    }

    private sealed record Values(Columns Columns, IArrowArray User, IArrowArray Item, IArrowArray? Time, IArrowArray? Weight, IArrowArray? Event)
    {
        public static Values Of(RecordBatch batch, Columns columns)
        {
            int next = 2;
            IArrowArray? Next(string? name) => name is null ? null : batch.Column(next++);
            return new Values(columns, batch.Column(0), batch.Column(1), Next(columns.Time), Next(columns.Weight), Next(columns.Event));
        }

        /// <summary>Trimmed; empty if there is none.</summary>
        public static ReadOnlySpan<byte> Text(IArrowArray column, int i) => ((StringArray)column).GetBytes(i).Trim(" \t"u8);

        public static bool TryNumber(IArrowArray? column, int i, double absent, out double number)
        {
            number = absent;
            switch (column)
            {
                case null:
                    return true;
                case DoubleArray numbers:
                    number = numbers.IsNull(i) ? double.NaN : numbers.Values[i];
                    break;
                default:
                    ReadOnlySpan<byte> text = Text(column, i);
                    number = Utf8Parser.TryParse(text, out double parsed, out int used) && used == text.Length ? parsed : double.NaN;
                    break;
            }

            return double.IsFinite(number);
        }

        public static string Shown(IArrowArray? column, int i) => column is StringArray texts ? BadRow.Shorten(texts.GetString(i) ?? "") : "";
    }
}

/// <summary>Weights of event types by name; others have weight 1. A weight below zero marks a dislike; events of zero or negative weight are not
/// interactions.</summary>
internal static class EventWeights
{
    /// <param name="text">Such as <c>view=0.2,purchase=1,dislike=-1</c>; null for none.</param>
    public static IReadOnlyDictionary<string, float> Parse(string? text)
    {
        var weights = new Dictionary<string, float>(StringComparer.OrdinalIgnoreCase);
        foreach (string part in text?.Split(',') ?? [])
        {
            string[] pair = part.Split('=', 2);
            if (pair.Length != 2 || pair[0].Trim().Length == 0 || !Content.IsNumber(pair[1], out double weight) || Math.Abs(weight) > 1e6 || !weights.TryAdd(pair[0].Trim(), (float)weight))
            {
                throw new UserErrorException($"--event-weights: '{part}' must be NAME=NUMBER, such as view=0.2, each name once and separated by commas.");
            }
        }

        return weights;
    }
}

/// <param name="Weight">In training and in popularity; zero or less: left out.</param>
internal sealed record EventTypeCount(string Name, double Weight, long Rows);
