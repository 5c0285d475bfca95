namespace NanoRecSys.Core.Items;

/// <summary>
/// Changes to an item since the model was trained: all fields of a new item, or those that differ from the model's catalog.
/// </summary>
/// <param name="ItemId">An id in the data set, or a new one.</param>
/// <param name="Added">Time of the first record in microseconds since 1970; determines the items' order.</param>
internal sealed record ItemRecord(EntityId ItemId, long Added)
{
    public const string Key = "nanorecsys:items"; // a Redis hash from item id to record; like events, it never expires
    public const string Revision = "nanorecsys:items:revision"; // a string: the number of changes
    public const string Notices = "nanorecsys:items:notices"; // a channel: each newly stored record

    public long Version { get; init; } // number of changes
    public string? Title { get; init; }
    public IReadOnlyList<string>? Categories { get; init; }
    public IReadOnlyDictionary<string, AttributeValue>? Attributes { get; init; }
    public string? ImageUrl { get; init; }
    public DateTimeOffset? CreatedAt { get; init; }
    public DateTimeOffset? AvailableFrom { get; init; }
    public DateTimeOffset? AvailableUntil { get; init; }
    public bool? Hidden { get; init; }

    /// <summary>Fields whose value in the model's catalog no longer applies, such as <c>image_url</c>, <c>attributes</c> or <c>attributes.price</c>.</summary>
    public IReadOnlyList<string>? Removed { get; init; }

    public bool? Deleted { get; init; } // no longer in any answer, even if the model contains it

    [JsonIgnore]
    public bool IsDeleted => Deleted == true;

    private static ReadOnlySpan<byte> OldForm => "{\"movie_id\":"u8;

    public static string AttributeField(string name) => $"attributes.{name}";

    /// <param name="known">The item in the model's catalog; null for a new item, whose row and count are not set yet.</param>
    public CatalogItem Apply(CatalogItem? known = null)
    {
        CatalogItem item = known ?? new CatalogItem(0, ItemId, ItemId.Text, [], 0);
        return item with
        {
            Title = Title ?? item.Title,
            Categories = Categories ?? (Removes("categories") ? [] : item.Categories),
            Attributes = Merge(item.Attributes),
            ImageUrl = ImageUrl ?? (Removes("image_url") ? null : item.ImageUrl),
            CreatedAt = CreatedAt ?? (Removes("created_at") ? null : item.CreatedAt),
            AvailableFrom = AvailableFrom ?? (Removes("available_from") ? null : item.AvailableFrom),
            AvailableUntil = AvailableUntil ?? (Removes("available_until") ? null : item.AvailableUntil),
            Hidden = Hidden ?? (!Removes("hidden") && item.Hidden),
        };
    }

    /// <summary>This record with the changes of a later one; attributes are changed individually.</summary>
    public ItemRecord With(ItemRecord change)
    {
        var attributes = new Dictionary<string, AttributeValue>(StringComparer.OrdinalIgnoreCase);
        foreach ((string name, AttributeValue value) in (change.Removes("attributes") ? ItemAttributes.None : Attributes ?? ItemAttributes.None).Concat(change.Attributes ?? ItemAttributes.None))
        {
            if (!change.Removes(AttributeField(name)))
            {
                attributes[name] = value;
            }
        }

        string[] removed = [.. (Removed ?? []).Concat(change.Removed ?? []).Distinct(StringComparer.OrdinalIgnoreCase)];
        return this with
        {
            Title = change.Title ?? Title,
            Categories = change.Categories ?? (change.Removes("categories") ? null : Categories),
            Attributes = attributes.Count == 0 ? null : attributes,
            ImageUrl = change.ImageUrl ?? (change.Removes("image_url") ? null : ImageUrl),
            CreatedAt = change.CreatedAt ?? (change.Removes("created_at") ? null : CreatedAt),
            AvailableFrom = change.AvailableFrom ?? (change.Removes("available_from") ? null : AvailableFrom),
            AvailableUntil = change.AvailableUntil ?? (change.Removes("available_until") ? null : AvailableUntil),
            Hidden = change.Hidden ?? (change.Removes("hidden") ? null : Hidden),
            Removed = removed.Length == 0 ? null : removed,
        };
    }

    public byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, StoredJson.Default.ItemRecord);

    /// <exception cref="InvalidDataException">Not such a record.</exception>
    public static ItemRecord Read(ReadOnlySpan<byte> stored)
    {
        try
        {
            ItemRecord record = stored.StartsWith(OldForm)
                ? JsonSerializer.Deserialize(stored, StoredJson.Default.OldRecord)!.ToRecord()
                : JsonSerializer.Deserialize(stored, StoredJson.Default.ItemRecord) ?? throw new InvalidDataException("A stored item is null.");
            return EntityId.IsValid(record.ItemId.Text) && record.Categories?.Contains(null!) != true && record.Removed?.Contains(null!) != true
                ? record
                : throw new InvalidDataException("A stored item has no id, or null among its categories.");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"A stored item cannot be read: {e.Message}", e);
        }
    }

    private bool Removes(string field) => Removed?.Contains(field, StringComparer.OrdinalIgnoreCase) == true;

    private IReadOnlyDictionary<string, AttributeValue> Merge(IReadOnlyDictionary<string, AttributeValue> known)
    {
        if (Attributes is null && Removed is null)
        {
            return known;
        }

        var merged = new Dictionary<string, AttributeValue>(StringComparer.OrdinalIgnoreCase);
        IEnumerable<KeyValuePair<string, AttributeValue>> kept = known.Where(attribute => !Removes("attributes") && !Removes(AttributeField(attribute.Key)));
        foreach ((string name, AttributeValue value) in kept.Concat(Attributes ?? ItemAttributes.None))
        {
            merged[name] = value;
        }

        return merged;
    }
}

/// <summary>The format in which earlier releases stored films.</summary>
internal sealed record OldRecord(EntityId MovieId, string Title, int? Year, IReadOnlyList<string> Genres, long Added)
{
    /// <exception cref="InvalidDataException">It has no title or genres.</exception>
    public ItemRecord ToRecord() => Title is not null && Genres is not null // the serializer sets an absent field to null
        ? new(MovieId, Added) { Title = Title, Categories = Genres, Attributes = Year is null ? null : ItemAttributes.OfYear(Year) }
        : throw new InvalidDataException("A stored item has no title or genres.");
}
