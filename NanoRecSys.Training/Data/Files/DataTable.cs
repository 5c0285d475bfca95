using System.Text.RegularExpressions;
using DuckDB.NET.Data;

namespace NanoRecSys.Training.Data.Files;

/// <summary>A file of rows and columns as recognized, and how DuckDB reads it.</summary>
/// <param name="Columns">Names; positions, counted from 1, if there is no header.</param>
internal sealed partial record DataTable(DataFile File, string Format, IReadOnlyList<string> Columns)
{
    private const int SampleRows = 100;

    /// <summary>What DuckDB selects from; for line-based text, malformed rows go to its table of rejects.</summary>
    private string Relation { get; init; } = "";
    private IReadOnlyList<string> Expressions { get; init; } = [];

    /// <summary>SQL type of each column; VARCHAR for text.</summary>
    public IReadOnlyList<string> Types { get; init; } = [];

    /// <summary>Whether the columns have names, from the file or known otherwise.</summary>
    public bool HasHeader { get; init; } = true;

    /// <summary>Separator of fields; null if the file is not delimited text.</summary>
    public string? Delimiter { get; init; }

    /// <summary>Lines before the first row.</summary>
    public int Skipped { get; init; }
    public bool IsQuoted { get; init; }

    /// <summary>An upper bound; 0 if unknown.</summary>
    public long Rows { get; private init; }

    /// <summary>Whether rows are lines, so that messages can name them.</summary>
    private bool HasLines { get; init; }

    /// <summary>Whether each line is a user followed by items: "user item item ...".</summary>
    public bool IsSequences { get; init; }

    /// <summary>Whether it is one of the text formats of the literature, in which the position in the file stands for the time.</summary>
    public bool IsOrdered => IsSequences || (Delimiter == " " && Columns.Count == 2);

    /// <summary>Whether it is one JSON object whose keys are item ids.</summary>
    public bool IsMap { get; init; }

    /// <summary>RecBole's types of the columns, such as <c>token_seq</c>; empty for other formats.</summary>
    public IReadOnlyList<string> FieldTypes { get; init; } = [];
    public IReadOnlyList<string?[]> Sample { get; init; } = [];

    /// <summary>Files of one signature are parts of one table.</summary>
    public string Signature => $"{Format}|{string.Join('|', Columns)}".ToLowerInvariant();

    /// <summary>Names and first values, for messages.</summary>
    public string Describe() => HasHeader
        ? string.Join(", ", Columns)
        : string.Join(", ", Columns.Select((name, i) => $"{name}: {BadRow.Shorten(Sample.Count == 0 ? "" : Sample[0][i] ?? "")}"));

    public string TextOf(int column) => Types[column] switch
    {
        "VARCHAR" => Expressions[column],
        "BLOB" => $"decode({Expressions[column]})",
        "DOUBLE" or "FLOAT" => // integers that a missing value turned into decimals; NaN is such a value
            $"CASE WHEN isnan({Expressions[column]}) THEN NULL WHEN {Expressions[column]} = trunc({Expressions[column]}) AND abs({Expressions[column]}) < 9e18 THEN {Expressions[column]}::BIGINT::VARCHAR ELSE {Expressions[column]}::VARCHAR END",
        var type when IsNestedType(type) => $"to_json({Expressions[column]})::VARCHAR",
        var type when type.StartsWith("DECIMAL", StringComparison.Ordinal) => // databases write numbers without a scale as DECIMAL(38,10)
            $"CASE WHEN {Expressions[column]} = trunc({Expressions[column]}) THEN {Expressions[column]}::HUGEINT::VARCHAR ELSE {Expressions[column]}::VARCHAR END",
        _ => $"{Expressions[column]}::VARCHAR",
    };

    /// <summary>Whether the values are lists whose parts are separated by spaces.</summary>
    public bool IsSequence(int column) => FieldTypes.Count > 0 && FieldTypes[column] == "token_seq";

    /// <summary>Whether the values are objects or lists, of JSON or Parquet.</summary>
    public bool IsNested(int column) => (column < Types.Count && IsNestedType(Types[column]))
        || (Format.StartsWith("JSON", StringComparison.Ordinal) && Sample.Select(row => row[column]).OfType<string>().FirstOrDefault() is ['{', .., '}'] or ['[', .., ']']);

    private static bool IsNestedType(string type) =>
        type.EndsWith(']') || type.StartsWith("STRUCT", StringComparison.Ordinal) || type.StartsWith("MAP", StringComparison.Ordinal);

    public string ValueOf(int column) => Expressions[column];

    public string Select(IEnumerable<string> expressions) => $"SELECT {string.Join(", ", expressions)} FROM {Relation}";

    public static DataTable Open(DuckDb duck, DataFile given, ColumnOptions options, Lazy<string> folder, ICollection<string> notes)
    {
        FileKind.RequireReadable(given);
        if (given.StartsWith("PAR1"u8))
        {
            return OfParquet(duck, given);
        }

        try
        {
            return OfText(duck, given, options, folder, notes);
        }
        catch (InvalidDataException e)
        {
            throw new UserErrorException($"{given.Name} is not a complete gz file: {e.Message} Copy or download it again.", e);
        }
    }

    /// <param name="row">0-based, among the rows that DuckDB returned.</param>
    public (string Place, long Line, string Text) Find(long row, IReadOnlySet<long> rejected)
    {
        if (!HasLines)
        {
            return ($"row {row + 1}", row, "");
        }

        (long line, string text) = TextHead.Find(File, Skipped, row, IsQuoted, rejected);
        return ($"line {line}", line, text);
    }

    /// <summary>Whether a malformed line is the reason for a row's missing values: DuckDB returns none for such a line.</summary>
    public bool IsBrokenJson(string line)
    {
        if (!HasLines || Delimiter is not null)
        {
            return false;
        }

        try
        {
            using var document = JsonDocument.Parse(NotANumber().Replace(line, "null"));
            return document.RootElement.ValueKind != JsonValueKind.Object;
        }
        catch (JsonException)
        {
            return true;
        }
    }

    /// <summary>Lines that could not be parsed, with the reason; empty if rows are not lines.</summary>
    public List<(long Line, string Reason, string Text)> Rejected(DuckDb duck, bool isRead = true)
    {
        if (Delimiter is not { } delimiter)
        {
            return [];
        }

        if (!isRead)
        {
            DropRejects(duck);
            duck.Rows(Select(Expressions.Select(column => $"count({column})::VARCHAR")));
        }

        List<string?[]> rows = duck.Rows(
            "SELECT line_byte_position::VARCHAR, min(error_type::VARCHAR), any_value(csv_line), any_value(error_message) FROM reject_errors GROUP BY line_byte_position ORDER BY line_byte_position");
        DropRejects(duck);
        long[] lines = TextHead.LinesAt(File, [.. rows.Select(row => long.Parse(row[0]!, CultureInfo.InvariantCulture))]);
        return [.. rows.Zip(lines).Where(one => !string.IsNullOrWhiteSpace(one.First[2])).Select(one =>
        {
            (string?[] row, long line) = one;
            string text = row[2]!.Trim('\r', '\n');
            string reason = row[1] switch
            {
                "MISSING COLUMNS" or "TOO MANY COLUMNS" =>
                    $"expected {Columns.Count} fields ({string.Join(", ", Columns)}), found {Dialect.Split(text, delimiter, IsQuoted).Count}",
                "UNQUOTED VALUE" => "a quote is not closed, or text follows one",
                _ => row[3]!.ReplaceLineEndings(" "),
            };
            return (line + row[2]!.TakeWhile(c => c is '\r' or '\n').Count(c => c == '\n'), reason, text);
        })];
    }

    private static DataTable OfText(DuckDb duck, DataFile given, ColumnOptions options, Lazy<string> folder, ICollection<string> notes)
    {
        DataFile file = given.StartsWith(TextHead.ZstdMagic) ? Unpack(duck, given, folder) : given;
        IReadOnlyList<string> head = TextHead.Lines(file);
        string start = head.FirstOrDefault(line => !string.IsNullOrWhiteSpace(line))?.TrimStart() ?? throw new UserErrorException($"{given.Name} contains no rows.");
        RequireText(given, head, start);
        if (start[0] == '[')
        {
            return OfJson(duck, file, "JSON array", "read_json", "format = 'array'", ReadArray(file));
        }

        if (start[0] == '{' && !IsJsonLines(head))
        {
            return new DataTable(file, "JSON object", []) { IsMap = true };
        }

        DataFile text = TextHead.InUtf8(file, folder, notes, out long lines);
        DataTable table = start[0] == '{'
            ? OfJson(duck, text, "JSON lines", "read_ndjson", "ignore_errors = true", KeysOf(head)) with { HasLines = true }
            : OfDelimited(duck, Dialect.Find(text, head, options));
        return table with { Rows = lines };
    }

    private static void RequireText(DataFile file, IReadOnlyList<string> head, string start)
    {
        string? refusal = start.StartsWith("PK\u0003\u0004", StringComparison.Ordinal) ? "is a zip archive or an Office file. Give an archive the extension .zip, and save a workbook as CSV"
            : head.Any(line => line.Contains('\0')) ? "is not text. CSV, TSV, JSON lines, JSON arrays and Parquet are read, each also with gz or zst"
            : head.Count == 1 && head[0].Contains('\r') ? "ends its lines with CR alone. Write LF instead, for example with tr '\\r' '\\n'"
            : start[0] == '<' ? "is HTML or XML. Write a row per interaction as CSV or JSON lines"
            : PythonLiteral().IsMatch(start) ? "has Python literals, which are not JSON: ' around names. Write each row with json.dumps(ast.literal_eval(row))"
            : head.Any(line => Section().IsMatch(line)) && head.Any(line => SectionRow().IsMatch(line))
                ? "has sections: a line 'ITEM:' before the rows of each item. Write the item into every row, for example with "
                    + "awk -F, -v OFS=, '/:$/ {item = substr($0, 1, length($0) - 1); next} {print $1, item, $2, $3}', and set --data to the result"
            : null;
        UserErrorException.ThrowIf(refusal is not null, $"{file.Name} {refusal}.");
    }

    private static DataTable OfParquet(DuckDb duck, DataFile file)
    {
        string relation = $"read_parquet({DuckDb.PathText(file.Path)})";
        try
        {
            List<string?[]> columns = duck.Rows($"SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM {relation})");
            return new DataTable(file, "Parquet", [.. columns.Select(column => column[0]!)])
            {
                Relation = relation,
                Expressions = [.. columns.Select(column => DuckDb.Name(column[0]!))],
                Types = [.. columns.Select(column => column[1]!)],
            }.WithSample(duck);
        }
        catch (DuckDBException e)
        {
            throw DuckDb.CannotRead(file, e);
        }
    }

    private static DataTable OfJson(DuckDb duck, DataFile file, string format, string function, string option, List<string> keys)
    {
        string columns = string.Join(", ", keys.Select(key => $"{DuckDb.Text(key)}: 'VARCHAR'"));
        UserErrorException.ThrowIf(keys.Count == 0,
            $"{file.Name} contains no JSON objects with names. Each row must be an object such as {{\"user_id\": 1, \"item_id\": 2}}.");

        return new DataTable(file, format, keys)
        {
            Relation = $"{function}({DuckDb.PathText(file.Path)}, {TextHead.Compression(file)}, {option}, columns = {{{columns}}})",
            Expressions = [.. keys.Select(DuckDb.Name)],
            Types = [.. keys.Select(_ => "VARCHAR")],
        }.WithSample(duck);
    }

    private static DataTable OfDelimited(DuckDb duck, DataTable found)
    {
        if (found.Delimiter is not { } delimiter)
        {
            return found;
        }

        string columns = string.Join(", ", found.Columns.Select((_, i) => $"'c{i}': 'VARCHAR'"));
        string quote = found.IsQuoted ? "'\"'" : "''";
        DataTable table = found with
        {
            Relation = $"read_csv({DuckDb.PathText(found.File.Path)}, {TextHead.Compression(found.File)}, auto_detect = false, header = false, skip = {found.Skipped}, delim = {DuckDb.Text(delimiter)}, "
                + $"quote = {quote}, escape = {quote}, columns = {{{columns}}}, nullstr = ['', '\\N', 'NULL'], store_rejects = true, rejects_limit = 100000)",
            Expressions = [.. found.Columns.Select((_, i) => $"c{i}")],
            Types = [.. found.Columns.Select(_ => "VARCHAR")],
            HasLines = true,
        };
        return table.WithSample(duck);
    }

    private DataTable WithSample(DuckDb duck)
    {
        try
        {
            List<string?[]> rows = duck.Rows($"{Select(Enumerable.Range(0, Columns.Count).Select(TextOf))} LIMIT {SampleRows}");
            DropRejects(duck);
            return this with { Sample = rows };
        }
        catch (DuckDBException e)
        {
            throw DuckDb.CannotRead(File, e);
        }
    }

    private static void DropRejects(DuckDb duck) => duck.Execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans");

    private static DataFile Unpack(DuckDb duck, DataFile file, Lazy<string> folder)
    {
        UserErrorException.ThrowIf(!TextHead.IsWholeZstd(file), $"{file.Name} is not a complete zst file. Copy or download it again.");
        string copy = Path.Combine(folder.Value, $"{Guid.NewGuid():N}-{FileKind.Uncompressed(file.Path)}");
        try
        {
            duck.Execute($"COPY (SELECT line FROM read_csv({DuckDb.PathText(file.Path)}, auto_detect = false, header = false, delim = '\\x01', quote = '', escape = '', "
                + $"columns = {{'line': 'VARCHAR'}}, compression = 'zstd')) TO {DuckDb.Text(copy)} (FORMAT csv, HEADER false, DELIMITER '\\x01', QUOTE '', ESCAPE '')");
        }
        catch (DuckDBException e)
        {
            throw DuckDb.CannotRead(file, e);
        }

        return new DataFile(copy, file.Name);
    }

    // An object in one line is a row, unless it is the whole file and contains only lists or objects.
    private static bool IsJsonLines(IReadOnlyList<string> head)
    {
        string[] lines = [.. head.Where(line => !string.IsNullOrWhiteSpace(line)).Take(2)];
        try
        {
            using var first = JsonDocument.Parse(lines[0]);
            return lines.Length > 1 || first.RootElement.EnumerateObject().Any(property => property.Value.ValueKind is not (JsonValueKind.Array or JsonValueKind.Object));
        }
        catch (JsonException)
        {
            return lines.Length > 1 && lines[1].TrimStart().StartsWith('{');
        }
    }

    private static List<string> KeysOf(IEnumerable<string> lines)
    {
        var keys = new List<string>();
        foreach (string line in lines)
        {
            try
            {
                using var document = JsonDocument.Parse(NotANumber().Replace(line, "null"));
                if (document.RootElement.ValueKind == JsonValueKind.Object)
                {
                    keys.AddRange(document.RootElement.EnumerateObject().Select(property => property.Name).Except(keys, StringComparer.OrdinalIgnoreCase)); // DuckDB's comparison
                }
            }
            catch (JsonException)
            {
                // Invalid rows are reported when the rows are read.
            }
        }

        return keys;
    }

    private static List<string> ReadArray(DataFile file)
    {
        try
        {
            using Stream stream = TextHead.Open(file);
            IEnumerable<JsonElement> rows = JsonSerializer.DeserializeAsyncEnumerable<JsonElement>(stream).Take(SampleRows).ToBlockingEnumerable();
            return KeysOf(rows.Select(row => row.GetRawText()));
        }
        catch (JsonException e)
        {
            throw new UserErrorException($"{file.Name} is not a JSON array of objects: {e.Message}", e);
        }
    }

    [GeneratedRegex(@"^[\[{]\s*u?'", RegexOptions.CultureInvariant)]
    private static partial Regex PythonLiteral();

    // Python's json.dumps writes these, and DuckDB reads them.
    [GeneratedRegex(@"(?<=:\s*)(NaN|-?Infinity)(?=\s*[,}])", RegexOptions.CultureInvariant)]
    private static partial Regex NotANumber();

    [GeneratedRegex(@"^\s*\S+:\s*$", RegexOptions.CultureInvariant)]
    private static partial Regex Section();

    [GeneratedRegex(@"^[^,:]+(,[^,]+){1,2}$", RegexOptions.CultureInvariant)]
    private static partial Regex SectionRow();
}

/// <summary>Rows that cannot be read, and their common message format: file, line, reason, text.</summary>
internal static class BadRow
{
    private const int LongestText = 80;

    /// <param name="place">Such as <c>line 3</c>.</param>
    public static string Message(string name, string place, string reason, string text) =>
        $"{name}, {place}: {reason}{(text.Length > 0 ? ": " + Shorten(text) : "")}";

    public static string Shorten(string text)
    {
        string oneLine = string.Concat(text.Select(character => char.IsControl(character) ? ' ' : character));
        return oneLine.Length <= LongestText ? oneLine : oneLine[..LongestText] + "...";
    }

    /// <summary>Why a cell is not an id.</summary>
    public static string NotAnId(string column, string id) => id.Length == 0
        ? $"the {column} is missing"
        : $"the {column} '{Shorten(id)}' is not an id: 1 to {EntityId.MaxBytes} bytes of UTF-8 without control characters, other than '.' and '..'";

    /// <summary>Checks that no more rows are unreadable than may be skipped.</summary>
    /// <returns>Their number, and the message for the first; null if there is none.</returns>
    public static (long Count, string? First) Judge(DataTable table, DuckDb duck, List<(long Row, string Reason)> bad, long allowed)
    {
        List<(long Line, string Reason, string Text)> rejected = table.Rejected(duck, isRead: bad.Count <= allowed);
        long count = bad.Count + rejected.Count;
        if (count == 0)
        {
            return (0, null);
        }

        (string place, long line, string text) = bad.Count > 0 ? table.Find(bad[0].Row, rejected.Select(one => one.Line).ToHashSet()) : ("", long.MaxValue, "");
        string first = rejected.Count > 0 && rejected[0].Line < line
            ? Message(table.File.Name, $"line {rejected[0].Line}", rejected[0].Reason, rejected[0].Text)
            : Message(table.File.Name, place, table.IsBrokenJson(text) ? "not a complete JSON object" : bad[0].Reason, text);
        return count <= allowed ? (count, first) : throw new UserErrorException(allowed == 0
            ? first
            : $"More than {allowed:N0} rows cannot be read. Raise --skip-bad-rows, or correct them. The first: {first}");
    }
}
