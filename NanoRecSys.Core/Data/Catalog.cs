using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Parquet.Serialization;

namespace NanoRecSys.Core.Data;

/// <summary>All items, addressable by row and by id.</summary>
internal sealed class Catalog
{
    /// <param name="items">In row order: <c>items[i].Index == i</c>.</param>
    /// <exception cref="ArgumentException">Rows out of order, or a duplicate id.</exception>
    public Catalog(IReadOnlyList<CatalogItem> items)
    {
        for (int i = 0; i < items.Count; i++)
        {
            if (items[i].Index != i)
            {
                throw new ArgumentException($"Catalog row {i} holds item index {items[i].Index}; rows must be in index order.", nameof(items));
            }
        }

        Items = items;
        Ids = IdTable.Of([.. items.Select(item => item.Id)]);
        MostInteractions = items.Select(item => item.Count).DefaultIfEmpty(0).Max();
    }

    public IReadOnlyList<CatalogItem> Items { get; }
    public IdTable Ids { get; } // of Items
    public int MostInteractions { get; } // of one item
    public int Count => Items.Count;

    public bool TryFind(EntityId id, out int row) => Ids.TryFind(id, out row);
}

/// <summary>An item's data.</summary>
/// <param name="Title">In reading order; a film's is without the year; the id as text if the data has no titles.</param>
/// <param name="Categories">In the order of the file; empty if unknown. For films these are the genres.</param>
/// <param name="Count">Number of interactions in the histories served with this catalog.</param>
internal sealed record CatalogItem(int Index, EntityId Id, string Title, IReadOnlyList<string> Categories, int Count)
{
    /// <summary>All other columns of the items file, by name.</summary>
    public IReadOnlyDictionary<string, AttributeValue> Attributes { get; init; } = ItemAttributes.None;

    public double? Weight { get; init; } // total weight of the counted interactions; null if each counts 1

    /// <summary>Orders items for an unknown user.</summary>
    [JsonIgnore]
    public double Popularity => Weight ?? Count;

    public string? ImageUrl { get; init; }
    public DateTimeOffset? CreatedAt { get; init; }
    public DateTimeOffset? AvailableFrom { get; init; } // not recommended before this time
    public DateTimeOffset? AvailableUntil { get; init; } // not recommended from this time on
    public bool Hidden { get; init; } // never recommended

    /// <summary>The number attribute <c>year</c>, such as a film's year of release.</summary>
    public int? Year => Attributes.TryGetValue(ItemAttributes.Year, out AttributeValue year) && year.Kind == AttributeKind.Number && double.IsInteger(year.Number)
        ? (int)year.Number
        : null;

    /// <summary>The item as shown by every other call.</summary>
    public ItemInfo ToItemInfo() => new(Id, Title, Categories)
    {
        Attributes = Attributes.Count == 0 ? null : Attributes,
        ImageUrl = ImageUrl,
        CreatedAt = CreatedAt,
        AvailableFrom = AvailableFrom,
        AvailableUntil = AvailableUntil,
        Hidden = Hidden ? true : null,
    };

    public bool IsAvailable(DateTimeOffset now) => !Hidden && !(now < AvailableFrom) && !(now >= AvailableUntil);

    /// <summary>The item as shown by <c>POST /recommend</c>.</summary>
    public MovieInfo ToMovieInfo() => new(Id, Title, Year, Categories);
}

/// <summary>
/// Reads and writes <c>catalog.parquet</c>: index, item_id, title, categories, count, weight, image_url, created_at, available_from,
/// available_until, hidden, and attributes as a JSON object (see <see cref="AttributeValue"/>).
/// </summary>
internal static class CatalogFile
{
    public static async Task WriteAsync(string path, Catalog catalog, CancellationToken cancellationToken = default)
    {
        IEnumerable<Row> rows = catalog.Items.Select(item => new Row
        {
            index = item.Index,
            item_id = item.Id.Text,
            title = item.Title,
            categories = [.. item.Categories],
            count = item.Count,
            weight = item.Weight,
            image_url = item.ImageUrl,
            created_at = item.CreatedAt?.UtcDateTime,
            available_from = item.AvailableFrom?.UtcDateTime,
            available_until = item.AvailableUntil?.UtcDateTime,
            hidden = item.Hidden,
            attributes = item.Attributes.Count == 0 ? null : JsonSerializer.Serialize(item.Attributes, CoreJson.Default.IReadOnlyDictionaryStringAttributeValue),
        });
        await ParquetSerializer.SerializeAsync(rows, path, cancellationToken: cancellationToken);
    }

    /// <exception cref="InvalidDataException">An item's attributes are damaged.</exception>
    public static async Task<Catalog> ReadAsync(string path, CancellationToken cancellationToken = default)
    {
        DeserializationResult<Row> rows = await ParquetSerializer.DeserializeAsync<Row>(path, cancellationToken: cancellationToken);
        bool areNumbers = rows.Data.All(row => EntityId.IsWholeNumber(row.item_id, out _));
        return new Catalog([.. rows.Data.Select(row => new CatalogItem(row.index, EntityId.Of(row.item_id, areNumbers), row.title, row.categories, row.count)
        {
            Weight = row.weight,
            ImageUrl = row.image_url,
            CreatedAt = Utc(row.created_at),
            AvailableFrom = Utc(row.available_from),
            AvailableUntil = Utc(row.available_until),
            Hidden = row.hidden,
            Attributes = row.attributes is null ? ItemAttributes.None : ReadAttributes(path, row.attributes),
        })]);
    }

    private static DateTimeOffset? Utc(DateTime? time) => time is { } known ? new DateTimeOffset(DateTime.SpecifyKind(known, DateTimeKind.Utc)) : null;

    private static Dictionary<string, AttributeValue> ReadAttributes(string path, string json)
    {
        try
        {
            return new(JsonSerializer.Deserialize(json, CoreJson.Default.IReadOnlyDictionaryStringAttributeValue)!, StringComparer.OrdinalIgnoreCase);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} has attributes that cannot be read: {e.Message}", e);
        }
    }

    // Parquet.Net takes the column names from the properties.
#pragma warning disable IDE1006 // Naming: snake_case is the file's contract.
    private sealed class Row
    {
        public int index { get; set; }
        public string item_id { get; set; } = "";
        public string title { get; set; } = "";
        public List<string> categories { get; set; } = [];
        public int count { get; set; }
        public double? weight { get; set; }
        public string? image_url { get; set; }
        public DateTime? created_at { get; set; }
        public DateTime? available_from { get; set; }
        public DateTime? available_until { get; set; }
        public bool hidden { get; set; }
        public string? attributes { get; set; }
    }
#pragma warning restore IDE1006
}

/// <summary>Attributes of an item by name; names are not case-sensitive.</summary>
internal static class ItemAttributes
{
    public static readonly IReadOnlyDictionary<string, AttributeValue> None = FrozenDictionary<string, AttributeValue>.Empty;

    /// <summary>MovieLens's year of release, an input of nanoRecSys's ranker.</summary>
    public const string Year = "year";

    public static IReadOnlyDictionary<string, AttributeValue> OfYear(int? year) =>
        year is { } known ? new Dictionary<string, AttributeValue>(StringComparer.OrdinalIgnoreCase) { [Year] = AttributeValue.OfNumber(known) } : None;
}

/// <summary>Title, year and genres of an item, cleaned in the same way whether they come from a data file or <c>POST /items</c>.</summary>
/// <param name="Title">In reading order, on one line, without the year; empty if there is none.</param>
/// <param name="Year">Year of release; null if unknown.</param>
/// <param name="Genres">Without repetitions, in the order given.</param>
internal sealed record ItemText(string Title, int? Year, IReadOnlyList<string> Genres)
{
    public const int FirstYear = 1870; // year of the first films; smaller numbers mean an unknown year
    public const int LastYear = 2200; // larger numbers mean an unknown year
    private const string NoGenres = "(no genres listed)"; // as written by MovieLens

    /// <param name="title">Such as <c>Matrix, The (1999)</c>.</param>
    /// <param name="genres">As given: may have blanks, repetitions and differences in case.</param>
    /// <param name="year">The year, if it is given separately from the title.</param>
    /// <param name="isFilm">Whether the title may end with a year and have its article at the end.</param>
    public static ItemText Clean(string title, IEnumerable<string> genres, int? year = null, bool isFilm = true)
    {
        MovieTitle parsed = isFilm ? MovieTitle.Parse(OneLine(title)) : new MovieTitle(OneLine(title), null);
        return new ItemText(
            parsed.Title, year is >= FirstYear and <= LastYear ? year : parsed.Year,
            [.. genres.Select(OneLine).Where(genre => genre.Length > 0 && genre != NoGenres).Distinct(StringComparer.OrdinalIgnoreCase)]);
    }

    /// <summary>A text without line breaks and invisible characters.</summary>
    /// <remarks>Control and format characters can hide or reverse the text after them; only the joiner of emoji and of some scripts is text.</remarks>
    public static string OneLine(string text)
    {
        var line = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool isSpace = Rune.IsWhiteSpace(rune) || Rune.IsControl(rune);
            if (isSpace && line.Length > 0 && line[^1] != ' ')
            {
                line.Append(' ');
            }
            else if (!isSpace && (Rune.GetUnicodeCategory(rune) != UnicodeCategory.Format || rune.Value is ZeroWidthNonJoiner or ZeroWidthJoiner))
            {
                line.Append(rune.ToString());
            }
        }

        return line.ToString().TrimEnd();
    }

    private const int ZeroWidthNonJoiner = 0x200C;
    private const int ZeroWidthJoiner = 0x200D;
}

/// <summary>A parsed MovieLens title: <c>Matrix, The (1999)</c> is <c>The Matrix</c> of 1999.</summary>
internal readonly partial record struct MovieTitle(string Title, int? Year)
{
    [GeneratedRegex(@"^\s*(?<title>.+?)\s*\((?<year>[0-9]{4})(?:[-–][0-9]{0,4})?\)\s*$", RegexOptions.CultureInvariant)]
    private static partial Regex TitleAndYear();

    // Articles of the languages of MovieLens titles; "L'" and similar ones join without a space.
    [GeneratedRegex(@"^(?<name>.*?), (?<article>The|A|An|La|Le|Les|L'|El|Los|Las|Il|I|Lo|Gli|Der|Die|Das|Ein|Eine|Un|Une|De|Het|Den|Det|O|Os|As)(?<rest>\s+\(.*\))?$",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex TrailingArticle();

    // An alternative title of the same film, with its own article: "(Cité des enfants perdus, La)".
    [GeneratedRegex(@"\((?<prefix>a\.k\.a\. )?(?<title>[^()]+)\)", RegexOptions.CultureInvariant)]
    private static partial Regex OtherTitle();

    /// <summary>Splits off the year and moves a trailing article to the front.</summary>
    public static MovieTitle Parse(string raw)
    {
        Match dated = TitleAndYear().Match(raw);
        return dated.Success && int.Parse(dated.Groups["year"].ValueSpan, CultureInfo.InvariantCulture) is >= ItemText.FirstYear and <= ItemText.LastYear and int year
            ? new MovieTitle(ReadingOrder(dated.Groups["title"].Value), year)
            : new MovieTitle(ReadingOrder(raw.Trim()), null);
    }

    private static string ReadingOrder(string title)
    {
        Match match = TrailingArticle().Match(title);
        if (!match.Success)
        {
            return OtherTitle().Replace(title, OtherInReadingOrder);
        }

        string article = match.Groups["article"].Value;
        string gap = article.EndsWith('\'') ? "" : " ";
        string rest = OtherTitle().Replace(match.Groups["rest"].Value, OtherInReadingOrder);
        return $"{article}{gap}{match.Groups["name"].Value}{rest}";
    }

    private static string OtherInReadingOrder(Match other)
    {
        string title = other.Groups["title"].Value;
        Match match = TrailingArticle().Match(title);
        return match.Success ? $"({other.Groups["prefix"].Value}{ReadingOrder(title)})" : other.Value;
    }
}
