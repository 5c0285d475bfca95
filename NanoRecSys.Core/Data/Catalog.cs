using System.Collections.Frozen;
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
    }

    public IReadOnlyList<CatalogItem> Items { get; }
    public IdTable Ids { get; } // of Items
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
