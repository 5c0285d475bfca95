using Apache.Arrow;
using DuckDB.NET.Data;
using Array = System.Array;

namespace NanoRecSys.Training.Data.Files;

/// <summary>
/// Reads a file of items: its known columns, and every other column as an attribute whose type follows from its values. Texts are not changed, except
/// those of films; <see cref="CatalogBuilder"/> assigns rows and counts.
/// </summary>
internal sealed class ItemsReader(DuckDb duck, int skipBadRows)
{
    // Without case and punctuation, most specific first: of two matching columns, the second is an attribute.
    private static readonly string[] Titles =
        ["title", "itemtitle", "movietitle", "booktitle", "producttitle", "name", "itemname", "productname", "prodname", "artistname", "trackname", "headline"];

    private static readonly string[] Categories = ["categories", "genres", "category", "genre", "class", "tags", "productgroupname", "maincategory", "department"];
    private static readonly string[] Images = ["imageurl", "imurl", "image", "imgurl", "thumbnail", "poster", "posterurl", "coverurl", "imageurll", "imageurlm"];
    private static readonly string[] Created = ["createdat", "creationtimestamp", "publishedat", "dateadded"];
    private static readonly string[] From = ["availablefrom", "validfrom"];
    private static readonly string[] Until = ["availableuntil", "validuntil", "expiresat"];
    private static readonly string[] Hidden = ["hidden", "ishidden"];

    /// <summary>The columns that were read, each as <c>name (its role)</c>.</summary>
    public List<string> Columns { get; } = [];
    public int Bad { get; private set; }

    /// <summary>Rows of items that an earlier row already describes.</summary>
    public int Repeated { get; private set; }
    public string? FirstBad { get; private set; }

    public async Task<IReadOnlyList<CatalogItem>> ReadAsync(DataTable table, ColumnOptions options, IReadOnlyList<string> genres, CancellationToken cancellation)
    {
        if (table.IsMap)
        {
            return ReadMap(table);
        }

        int id = ColumnRoles.FindItem(table, options);
        UserErrorException.ThrowIf(id < 0,
            $"{table.File.Name} has no column with a usual name for items among {table.Describe()}. Rename it to item_id, or name it: --columns item=COLUMN.");

        List<string?[]> rows = await ReadRowsAsync(table, id, cancellation);
        Repeated = rows.Count - rows.DistinctBy(cells => cells[id]).Count();
        return MovieLensFiles.IsFilms(table) ? Films(table, rows, genres) : Typed(table, id, rows);
    }

    private async Task<List<string?[]>> ReadRowsAsync(DataTable table, int id, CancellationToken cancellation)
    {
        var rows = new List<string?[]>();
        var bad = new List<(long Row, string Reason)>();
        int[] moments = [.. new[] { Position(table, From), Position(table, Until) }.Where(i => i >= 0 && i != id)];
        int hidden = Position(table, Hidden);
        long row = 0;
        try
        {
            await foreach (RecordBatch batch in duck.StreamAsync(table.Select(Enumerable.Range(0, table.Columns.Count).Select(table.TextOf)), cancellation))
            {
                StringArray[] columns = [.. Enumerable.Range(0, table.Columns.Count).Select(i => (StringArray)batch.Column(i))];
                for (int i = 0; i < batch.Length; i++, row++)
                {
                    string?[] cells = Array.ConvertAll(columns, column => column.GetString(i)?.Trim());
                    int wrong = moments.FirstOrDefault(column => Cell(cells, column).Length > 0 && Moment(cells, column) is null, -1);
                    string? reason = !EntityId.TryParse(cells[id], out _) ? BadRow.NotAnId(table.Columns[id], cells[id] ?? "")
                        : wrong >= 0 ? $"the {table.Columns[wrong]} '{BadRow.Shorten(cells[wrong]!)}' is not a time: an ISO date, or seconds or milliseconds since 1970"
                        : TryFlag(Cell(cells, hidden), out _) ? null
                        : $"the {table.Columns[hidden]} '{BadRow.Shorten(cells[hidden]!)}' is not true or false";
                    if (reason is null)
                    {
                        rows.Add(cells);
                    }
                    else
                    {
                        bad.Add((row, reason));
                    }
                }
            }
        }
        catch (DuckDBException e)
        {
            throw DuckDb.CannotRead(table.File, e);
        }

        (long count, FirstBad) = BadRow.Judge(table, duck, bad, skipBadRows);
        Bad = (int)count;
        return rows;
    }

    // MovieLens: only title and genres; the oldest edition has genres as flags.
    private List<CatalogItem> Films(DataTable table, List<string?[]> rows, IReadOnlyList<string> genres)
    {
        const string Unknown = "unknown"; // ML-100K's genre for films without one
        Columns.AddRange(["title (title, year)", "genres (categories)"]);
        bool hasFlags = table.Columns.Count > 3;
        int first = table.Columns.Count - genres.Count;
        if (hasFlags && first < 5)
        {
            (string place, _, string text) = table.Find(0, new HashSet<long>());
            throw new UserErrorException(BadRow.Message(table.File.Name, place, $"expected {5 + genres.Count} fields, found {table.Columns.Count}", text));
        }

        return rows.ConvertAll(cells =>
        {
            string[] own = hasFlags ? [.. genres.Where((genre, g) => cells[5 + g] == "1" && genre != Unknown)] : (cells[2] ?? "").Split('|');
            ItemText film = ItemText.Clean(cells[1] ?? "", own);
            return Item(cells[0]!, film.Title, film.Genres) with { Attributes = ItemAttributes.OfYear(film.Year) };
        });
    }

    private List<CatalogItem> Typed(DataTable table, int id, List<string?[]> rows)
    {
        int Take(string[] names) => Position(table, names) is var i && i != id ? i : -1;
        int created = Take(Created);
        created = created >= 0 && rows.Exists(cells => Cell(cells, created).Length > 0 && Moment(cells, created) is null) ? -1 : created; // an attribute of text

        (int title, int categories, int image, int from, int until, int hidden) =
            (Take(Titles), Take(Categories), Take(Images), Take(From), Take(Until), Take(Hidden));
        (int Column, string Role)[] roles =
            [(title, "title"), (categories, "categories"), (image, "image_url"), (created, "created_at"), (from, "available_from"), (until, "available_until"), (hidden, "hidden")];
        Dictionary<int, string> known = roles.Where(one => one.Column >= 0).ToDictionary(one => one.Column, one => one.Role);

        AttributeColumn[] attributes = [.. Enumerable.Range(0, table.Columns.Count).Where(i => i != id && !known.ContainsKey(i) && !IsIndex(table.Columns[i]))
            .Select(i => AttributeColumn.Of(table, i, rows)).OfType<AttributeColumn>()];
        char separator = categories < 0 ? '|' : Lists.SeparatorOf([.. rows.Select(cells => cells[categories]).OfType<string>()]);
        Columns.AddRange(known.Select(column => $"{table.Columns[column.Key]} ({column.Value})"));
        Columns.AddRange(attributes.Select(column => $"{column.Name} ({column.Kind.ToString().ToLowerInvariant()})"));
        return rows.ConvertAll(cells => Item(cells[id]!, Cell(cells, title), categories < 0 ? [] : Lists.Read(cells[categories], table.IsSequence(categories), separator)) with
        {
            ImageUrl = FirstImage(Cell(cells, image)),
            CreatedAt = Moment(cells, created),
            AvailableFrom = Moment(cells, from),
            AvailableUntil = Moment(cells, until),
            Hidden = TryFlag(Cell(cells, hidden), out bool isHidden) && isHidden,
            Attributes = attributes.Length == 0 ? ItemAttributes.None : Attributes(attributes, cells),
        });
    }

    private static Dictionary<string, AttributeValue> Attributes(AttributeColumn[] columns, string?[] cells)
    {
        var values = new Dictionary<string, AttributeValue>(StringComparer.OrdinalIgnoreCase);
        foreach (AttributeColumn column in columns)
        {
            if (column.Read(cells) is { } value)
            {
                values.TryAdd(column.Name, value);
            }
        }

        return values;
    }

    // {"item": ["category", ...]} or {"item": {"title": ..., ...}}.
    private List<CatalogItem> ReadMap(DataTable table)
    {
        try
        {
            using Stream stream = TextHead.Open(table.File);
            using var document = JsonDocument.Parse(stream);
            JsonProperty[] items = [.. document.RootElement.EnumerateObject()];
            int wrong = Array.FindIndex(items, item => item.Value.ValueKind != JsonValueKind.Array || !EntityId.TryParse(item.Name, out _));
            UserErrorException.ThrowIf(wrong >= 0, $"{table.File.Name}: '{BadRow.Shorten(items[wrong].Name)}' must be an item's id with the list of its categories.");

            Columns.Add("the list (categories)");
            return [.. items.Select(item => Item(item.Name, "", [.. item.Value.EnumerateArray().Select(value => value.ToString())]))];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new UserErrorException($"{table.File.Name} is not a JSON object of items with their categories: {e.Message}", e);
        }
    }

    private static CatalogItem Item(string id, string title, IReadOnlyList<string> categories) => new(0, EntityId.Of(id), title, categories, 0);

    private static string Cell(string?[] cells, int column) => column < 0 ? "" : cells[column] ?? "";

    private static string? FirstImage(string cell) => Lists.Read(cell, isSequence: false) is [var first, ..] && Uri.TryCreate(first, UriKind.Absolute, out Uri? url) && url.Scheme is "http" or "https" ? first : null;

    private static DateTimeOffset? Moment(string?[] cells, int column) => AttributeColumn.TryMoment(Cell(cells, column), out DateTimeOffset moment) ? moment : null;

    private static bool TryFlag(string cell, out bool flag)
    {
        cell = cell.ToLowerInvariant();
        flag = cell is "true" or "t" or "1" or "yes" or "y";
        return flag || cell is "" or "false" or "f" or "0" or "no" or "n";
    }

    // The most specific of the names present; -1 for none.
    private static int Position(DataTable table, string[] names)
    {
        string[] plain = [.. table.Columns.Select(ColumnRoles.Plain)];
        return names.Select(name => Array.IndexOf(plain, name)).FirstOrDefault(i => i >= 0, -1);
    }

    private static bool IsIndex(string column) => column.StartsWith("Unnamed: ", StringComparison.Ordinal);
}

/// <summary>Lists in one cell: <c>a|b|c</c>, <c>["a", "b"]</c>, <c>['a', 'b']</c>, or <c>a b c</c> if the file says so.</summary>
internal static class Lists
{
    public static bool IsList(string cell) => cell.StartsWith('[') && cell.EndsWith(']');

    /// <summary>What separates the names of a column of categories: a bar, or else a comma or a semicolon if many cells have one.</summary>
    public static char SeparatorOf(IReadOnlyCollection<string> cells) =>
        cells.Any(cell => cell.Contains('|')) ? '|' : Array.Find([',', ';'], mark => 4 * cells.Count(cell => cell.Contains(mark)) > cells.Count) is var found and not '\0' ? found : '|';

    public static IReadOnlyList<string> Read(string? cell, bool isSequence, char separator = '|')
    {
        if (string.IsNullOrWhiteSpace(cell))
        {
            return [];
        }

        if (!IsList(cell))
        {
            return isSequence ? cell.Split(' ', StringSplitOptions.RemoveEmptyEntries) : [.. cell.Split(separator).Select(part => part.Trim()).Where(part => part.Length > 0)];
        }

        try
        {
            using var list = JsonDocument.Parse(cell.Contains('"') ? cell : cell.Replace('\'', '"'));
            return [.. Flat(list.RootElement).Distinct()];
        }
        catch (JsonException)
        {
            return [.. cell[1..^1].Split(',').Select(part => part.Trim(' ', '\'', '"', '[', ']')).Where(part => part.Length > 0)];
        }
    }

    // Amazon's categories are lists of paths.
    private static IEnumerable<string> Flat(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Flat),
        JsonValueKind.Object => element.EnumerateObject().Where(property => property.Value.ValueKind == JsonValueKind.String).Take(1).Select(property => property.Value.GetString()!),
        JsonValueKind.Null => [],
        _ => [element.ToString()],
    };
}

internal sealed record AttributeColumn(string Name, int Position, AttributeKind Kind, bool IsSequence)
{
    private const int LongestCategory = 60;
    private const int FewTexts = 50; // up to this many distinct texts are categories, whatever their share of the rows
    private static readonly string[] AlwaysText = ["desc", "overview", "summary", "text", "details", "features", "url", "link"];

    /// <returns>Null for a column of objects, or without values.</returns>
    public static AttributeColumn? Of(DataTable table, int column, List<string?[]> rows)
    {
        string[] values = [.. rows.Select(row => row[column]).OfType<string>().Where(value => value.Length > 0)];
        if (values.Length == 0 || Array.TrueForAll(values, value => value.StartsWith('{')))
        {
            return null;
        }

        bool isSequence = table.IsSequence(column);
        string name = table.Columns[column];
        AttributeKind kind = isSequence || Array.TrueForAll(values, Lists.IsList) ? AttributeKind.Categories
            : Array.TrueForAll(values, value => Content.IsNumber(value, out _) && value is not ['0', >= '0' and <= '9', ..]) ? AttributeKind.Number // 00501 is a code
            : Array.TrueForAll(values, value => TryMoment(value, out _)) ? AttributeKind.Time
            : Array.Exists(AlwaysText, word => name.Contains(word, StringComparison.OrdinalIgnoreCase)) ? AttributeKind.Text
            : values.Count(value => value.Contains('|')) * 4 > values.Length ? AttributeKind.Categories
            : Array.TrueForAll(values, value => value.Length <= LongestCategory) && IsFew(values) ? AttributeKind.Category
            : AttributeKind.Text;
        return new AttributeColumn(name, column, kind, isSequence);
    }

    public AttributeValue? Read(string?[] cells)
    {
        string cell = cells[Position] ?? "";
        return cell.Length == 0 ? null : Kind switch
        {
            AttributeKind.Number => Content.IsNumber(cell, out double number) ? AttributeValue.OfNumber(number) : null,
            AttributeKind.Time => TryMoment(cell, out DateTimeOffset moment) ? AttributeValue.OfTime(moment.ToUnixTimeSeconds()) : null,
            AttributeKind.Categories => Lists.Read(cell, IsSequence) is { Count: > 0 } names ? AttributeValue.OfCategories(names) : null,
            AttributeKind.Category => AttributeValue.OfCategory(cell),
            _ => AttributeValue.OfText(cell),
        };
    }

    /// <summary>An ISO date, or a number of seconds or milliseconds.</summary>
    public static bool TryMoment(string cell, out DateTimeOffset moment)
    {
        moment = default;
        if (Content.IsDate(cell))
        {
            return DateTimeOffset.TryParse(cell.Replace(" UTC", "Z", StringComparison.Ordinal), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out moment);
        }

        if (!long.TryParse(cell, NumberStyles.None, CultureInfo.InvariantCulture, out long number) || number < 100_000_000)
        {
            return false;
        }

        long seconds = number >= 100_000_000_000 ? number / 1000 : number;
        if (seconds > 253_402_300_799) // the year 9999
        {
            return false;
        }

        moment = DateTimeOffset.FromUnixTimeSeconds(seconds);
        return true;
    }

    private static bool IsFew(string[] values)
    {
        int different = values.Distinct().Count();
        return different <= FewTexts || 2 * different <= values.Length;
    }
}
