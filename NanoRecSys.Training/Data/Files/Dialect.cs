namespace NanoRecSys.Training.Data.Files;

/// <summary>Recognizes how the lines of a text file are split into fields.</summary>
internal static class Dialect
{
    // Titles contain spaces, and decimals commas; so these are tried after delimiters that rarely occur in text.
    private static readonly string[] Delimiters = ["\t", "::", ",", ";", "|", "\u0001", " "];

    /// <summary>The table, not yet as DuckDB reads it.</summary>
    public static DataTable Find(DataFile file, IReadOnlyList<string> head, ColumnOptions options)
    {
        int first = 0;
        while (first < head.Count && (string.IsNullOrWhiteSpace(head[first]) || head[first].StartsWith('#') || IsForExcel(head[first])))
        {
            first++;
        }

        first = first == head.Count ? 0 : first; // ids may begin with #, too
        string[] lines = [.. head.Skip(first).Where(line => !string.IsNullOrWhiteSpace(line))];
        UserErrorException.ThrowIf(lines.Length == 0, $"{file.Name} contains no rows.");

        MovieLensFiles? known = MovieLensFiles.Find(FileKind.Uncompressed(file.Name));
        if ((known?.Delimiter ?? ByHeader(lines[0], options) ?? ByCounts(lines)) is not { } delimiter)
        {
            return lines.Any(line => line.Trim().Contains(' '))
                ? new DataTable(file, "text, a line per user: user item item ...", ["user", "items"]) { IsSequences = true, HasHeader = false }
                : throw new UserErrorException($"{file.Name} has only one column: {BadRow.Shorten(lines[0])}. Interactions need a user and an item in each row.");
        }

        bool isQuoted = known is null && IsQuotedIn(lines, delimiter);
        List<string> cells = [.. Split(lines[0], delimiter, isQuoted).Select(cell => cell.Trim())];
        List<string> fieldTypes = cells.TrueForAll(IsTyped) ? cells.ConvertAll(cell => cell[(cell.LastIndexOf(':') + 1)..]) : [];
        cells = fieldTypes.Count > 0 ? cells.ConvertAll(cell => cell[..cell.LastIndexOf(':')]) : cells;
        if (IsHeader(cells, lines.Length > 1 ? Split(lines[1], delimiter, isQuoted) : [], options))
        {
            return Table(Distinct(cells), first + 1, hasHeader: true) with { FieldTypes = fieldTypes };
        }

        IReadOnlyList<string>? names = known?.Columns ?? MovieLensFiles.NamesOf(FileKind.Uncompressed(file.Name), cells.Count);
        return names is not null
            ? Table([.. names, .. cells.Skip(names.Count).Where(_ => known is { IsOpen: true }).Select((_, i) => $"{i + 1}")], first, hasHeader: true)
            : Table(cells.Select((_, i) => $"{i + 1}"), first, hasHeader: false);

        DataTable Table(IEnumerable<string> columns, int skipped, bool hasHeader) => new(file, Describe(delimiter) + (hasHeader ? "" : ", without a header"), [.. columns])
        {
            Delimiter = delimiter,
            IsQuoted = isQuoted,
            Skipped = skipped,
            HasHeader = hasHeader,
        };
    }

    public static List<string> Split(string line, string delimiter, bool quoted)
    {
        var fields = new List<string>();
        var field = new StringBuilder();
        bool inQuotes = false;
        for (int i = 0; i < line.Length; i++)
        {
            if (quoted && line[i] == '"' && (inQuotes || field.ToString().Trim().Length == 0))
            {
                bool isDoubled = inQuotes && i + 1 < line.Length && line[i + 1] == '"';
                inQuotes = isDoubled || !inQuotes;
                i += isDoubled ? 1 : 0;
                field.Append(isDoubled ? "\"" : "");
            }
            else if (!inQuotes && string.CompareOrdinal(line, i, delimiter, 0, delimiter.Length) == 0)
            {
                fields.Add(field.ToString());
                field.Clear();
                i += delimiter.Length - 1;
            }
            else
            {
                field.Append(line[i]);
            }
        }

        return [.. fields, field.ToString()];
    }

    private static string Describe(string delimiter) => delimiter switch
    {
        "," => "CSV",
        "\t" => "TSV",
        " " => "text, separated by spaces",
        "\u0001" => "text, separated by U+0001",
        _ => $"CSV, separated by '{delimiter}'",
    };

    private static string? ByHeader(string line, ColumnOptions options) => Delimiters
        .Select(delimiter => (Delimiter: delimiter, Cells: Split(line, delimiter, quoted: true).ConvertAll(WithoutType)))
        .Where(one => one.Cells.Count > 1 && ColumnRoles.IsHeader(one.Cells, options))
        .OrderByDescending(one => ColumnRoles.CountKnown(one.Cells))
        .Select(one => one.Delimiter)
        .FirstOrDefault();

    private static string? ByCounts(string[] lines)
    {
        foreach (string delimiter in Delimiters)
        {
            int[] counts = [.. lines.Select(line => Split(delimiter == " " ? line.Trim() : line, delimiter, quoted: delimiter != "\t").Count)];
            (int usual, int share) = counts.GroupBy(count => count).Select(group => (group.Key, group.Count())).OrderByDescending(one => one.Item2).First();
            bool agrees = delimiter == " " ? share == counts.Length && (lines.Length > 1 || usual == 2) : 2 * share > counts.Length;
            if (usual > 1 && agrees)
            {
                return delimiter;
            }
        }

        return null;
    }

    // Quotes in TSV are mostly literal, such as inches in a title.
    private static bool IsQuotedIn(string[] lines, string delimiter) =>
        delimiter != "\t" || lines.Any(line => line.Split('\t').Any(cell => cell.Length > 1 && cell.StartsWith('"') && cell.EndsWith('"')));

    private static bool IsHeader(List<string> cells, List<string> next, ColumnOptions options)
    {
        if (ColumnRoles.IsHeader(cells, options))
        {
            return true;
        }

        bool areNames = cells.Skip(1).All(cell => cell.Length > 0) && cells.TrueForAll(cell => Content.KindOf([cell]) is ContentKind.Text or ContentKind.Empty)
            && cells.Distinct(StringComparer.OrdinalIgnoreCase).Count() == cells.Count;
        return areNames && next.Exists(cell => Content.KindOf([cell.Trim()]) is not (ContentKind.Text or ContentKind.Empty));
    }

    // "sep=;", which tells Excel the delimiter.
    private static bool IsForExcel(string line) => line.Length == 5 && line.StartsWith("sep=", StringComparison.OrdinalIgnoreCase);

    private static bool IsTyped(string cell) => cell.Split(':') is [_, .., "token" or "token_seq" or "float" or "float_seq"];

    private static string WithoutType(string cell) => IsTyped(cell.Trim()) ? cell.Trim()[..cell.Trim().LastIndexOf(':')] : cell.Trim();

    // A repeated name would be ambiguous in messages; the index column of pandas has no name.
    private static IEnumerable<string> Distinct(List<string> names) =>
        names.Select((name, i) => name.Length == 0 ? $"Unnamed: {i}" : names.IndexOf(name) == i ? name : $"{name} ({i + 1})");
}
