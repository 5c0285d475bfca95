using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using NanoRecSys.Core.Items;

namespace NanoRecSys.Api.Endpoints;

/// <summary><c>POST /items</c>, and <c>PUT</c>, <c>PATCH</c> and <c>DELETE /items/{id}</c>: changes to items since the training.</summary>
internal static class ItemsApi
{
    private const string Example = """{"title": "The Lighthouse", "categories": ["Drama", "Horror"], "attributes": {"year": 2019}, "available_from": "2026-01-31T00:00:00Z"}""";

    public static void AddItems(this WebApplicationBuilder builder)
    {
        builder.Services.AddBackground<ItemStore>();
    }

    public static void MapItems(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder items = app.MapGroup("").WithTags("Items");
        items.MapPost("/items", PostItem)
            .WithSummary("Adds an item that was not in the training data")
            .WithDescription(
                "It can be found and receive events immediately. It is recommended if the model has a content map, which places it by its data; " +
                "'prepare --events' includes it in the next training. 409: another item has this id. Unknown fields are refused.")
            .WithJsonBody<ItemRequest, ItemReceipt>("""{"item_id": 900001, "title": "The Lighthouse (2019)", "categories": ["Drama", "Horror"]}""")
            .Produces<PlainError>(StatusCodes.Status409Conflict)
            .RequireKey(KeyRole.Write);
        items.MapPut("/items/{id}", PutItem)
            .WithSummary("Adds an item, or replaces all data of an existing one")
            .WithDescription("Also for items of the model's catalog and deleted items. Takes effect on every replica at once, without a restart. Unknown fields are refused.")
            .WithJsonBody<ItemRequest, ItemReceipt>(Example)
            .RequireKey(KeyRole.Write);
        items.MapPatch("/items/{id}", PatchItem)
            .WithSummary("Changes some of an item's data, such as its availability")
            .WithDescription("Changes only the fields that are present; null removes a value, and attributes are changed individually. Takes effect on every replica at once. Unknown fields are refused.")
            .WithJsonBody<ItemRequest, ItemReceipt>("""{"available_until": "2026-12-31T00:00:00Z", "attributes": {"price": 9.9}}""")
            .Produces<PlainError>(StatusCodes.Status404NotFound)
            .RequireKey(KeyRole.Write);
        items.MapDelete("/items/{id}", DeleteItem)
            .WithSummary("Removes an item from every answer except histories")
            .WithDescription("Also for items of the model's catalog. Takes effect on every replica at once; PUT restores the item. Training ignores added items that were deleted.")
            .WithAnswer<ItemDeleted>()
            .Produces<PlainError>(StatusCodes.Status404NotFound)
            .RequireKey(KeyRole.Write);
    }

    private static Task<IResult> PostItem(HttpContext http, LookUp lookUp, TimeProvider time, CancellationToken cancellationToken) =>
        WriteAsync(http, lookUp, id: null, time, reader =>
        {
            ItemRecord item = reader.Whole() with { Removed = null }; // so that fields from a later training apply
            return (known, isOfModel) => isOfModel || known is { IsDeleted: false } ? null : item;
        }, cancellationToken);

    private static Task<IResult> PutItem(HttpContext http, LookUp lookUp, TimeProvider time, string id, CancellationToken cancellationToken) =>
        WriteAsync(http, lookUp, id, time, reader =>
        {
            ItemRecord item = reader.Whole();
            return (known, _) => item with { Added = known?.Added ?? item.Added, Version = known?.Version ?? 0 };
        }, cancellationToken);

    private static Task<IResult> PatchItem(HttpContext http, LookUp lookUp, TimeProvider time, string id, CancellationToken cancellationToken) =>
        WriteAsync(http, lookUp, id, time, reader =>
        {
            ItemRecord change = reader.Change();
            return (known, isOfModel) => known?.IsDeleted == true || (known is null && !isOfModel) ? null : (known ?? new ItemRecord(change.ItemId, change.Added)).With(change);
        }, cancellationToken);

    private static Task<IResult> DeleteItem(LookUp lookUp, HttpContext http, TimeProvider time, string id)
    {
        var fields = new UrlFields();
        EntityId item = fields.PathId(id);
        return lookUp.AnswerAsync(fields, async catalog =>
        {
            bool isOfModel = catalog.Model.Catalog.TryFind(item, out _);
            (ItemRecord? stored, bool isChanged) = await lookUp.Items.ChangeAsync(item, known => known is null && !isOfModel
                ? null
                : new ItemRecord(item, known?.Added ?? Now(time)) { Deleted = true, Version = known?.Version ?? 0 });
            return stored is null ? Unknown(item) : TypedResults.Ok(new ItemDeleted(isChanged, http.TraceIdentifier));
        });
    }

    // The function computes the new record from the stored one and the body; null leaves it unchanged.
    private static async Task<IResult> WriteAsync(
        HttpContext http, LookUp lookUp, string? id, TimeProvider time, Func<ItemReader, Func<ItemRecord?, bool, ItemRecord?>> read, CancellationToken cancellationToken)
    {
        BodyFields body = await JsonBody.ReadStrictAsync(http.Request, cancellationToken);
        var path = new UrlFields();
        EntityId item = id is not null ? path.PathId(id) : body.Id(body.Has("movie_id") ? "movie_id" : "item_id");
        using SnapshotLease? lease = lookUp.Served.Lease();
        ServedCatalog? catalog = lease is null ? null : lookUp.Items.Extend(lease.Model);
        var change = read(new ItemReader(body, item, catalog, Now(time)));
        body.ForbidOthers();
        FieldError[] errors = [.. path.Errors, .. body.Errors];
        if (errors.Length > 0 || catalog is null)
        {
            return lookUp.Refusal(errors, lease)!;
        }

        CatalogItem? ofModel = catalog.Model.Catalog.TryFind(item, out int row) ? catalog.Model.Catalog.Items[row] : null;
        ItemRecord? wanted = null;
        (ItemRecord? stored, bool isChanged) = await lookUp.Items.ChangeAsync(item, known => wanted = change(known, ofModel is not null));
        if (wanted is null && id is not null)
        {
            return Unknown(item);
        }

        CatalogItem shown = (stored ?? new ItemRecord(item, 0)).Apply(ofModel) with { Id = catalog.Model.Catalog.Ids.Typed(item) };
        bool isTaken = id is null && wanted is null && (ofModel is not null || shown.Title != change(null, false)!.Title);
        return isTaken
            ? TypedResults.Conflict(new PlainError($"Item {item} is '{shown.Title}'{(ofModel is null ? " already" : " of the model's own catalog")}. PUT or PATCH /items/{Uri.EscapeDataString(item.Text)} changes it."))
            : TypedResults.Ok(new ItemReceipt(isChanged, shown.ToItemInfo(), ofModel is not null || catalog.Model.ContentMap is not null, http.TraceIdentifier));
    }

    private static NotFound<PlainError> Unknown(EntityId item) => TypedResults.NotFound(new PlainError($"Item {item} is not in the catalog. PUT /items/{Uri.EscapeDataString(item.Text)} adds it."));

    private static long Now(TimeProvider time) => time.GetUtcNow().ToUnixTimeMilliseconds() * 1000;
}

/// <summary>Reads an item from a request's body and reports all its errors.</summary>
/// <param name="catalog">Provides the kinds of attributes; null before the first model.</param>
/// <param name="now">Microseconds since 1970.</param>
internal sealed class ItemReader(BodyFields body, EntityId id, ServedCatalog? catalog, long now)
{
    private const int MaxTitle = 300;
    private const int MaxCategories = 100;
    private const int MaxText = 200;
    private const int MaxLongText = 2000;
    private const int MaxAttributes = 100;
    private const int MaxName = 64;

    private static readonly string[] Removable = ["categories", "attributes", "image_url", "created_at", "available_from", "available_until", "hidden"];

    /// <summary>A complete item: absent fields have no value.</summary>
    public ItemRecord Whole()
    {
        ItemRecord item = Read();
        if (item.Title is null && !body.Has("title"))
        {
            body.Refuse("title", "Field required", "missing");
        }

        // None of the attributes in the model's catalog stays; categories may have been sent as "genres".
        string[] absent = [.. Removable.Where(field => field switch
        {
            "attributes" => true,
            "categories" => item.Categories is null,
            _ => !body.HasValue(field),
        })];
        return item with { Removed = absent };
    }

    /// <summary>A partial item: null removes a value.</summary>
    public ItemRecord Change()
    {
        ItemRecord item = Read();
        string[] removed = [.. Removable.Where(body.IsNull), .. (item.Removed ?? [])];
        if (body.IsNull("title"))
        {
            body.Refuse("title", "An item has a title", "string_type");
        }

        return item with { Removed = removed.Length == 0 ? null : removed };
    }

    private ItemRecord Read()
    {
        string? text = body.OptionalText("title", MaxTitle);
        string old = body.Has("genres") ? "genres" : "categories";
        IReadOnlyList<string> categories = body.IsEmptyList(old) ? [] : body.OptionalTextList(old, MaxCategories, MaxText);
        int? year = body.OptionalInt32("year", ItemText.FirstYear, ItemText.LastYear);
        // Film titles include the year and put the article last; a catalog whose items have years is a film catalog.
        bool isFilm = catalog?.KindOf(ItemAttributes.Year) == AttributeKind.Number;
        ItemText cleaned = ItemText.Clean(text ?? "", categories, year);
        string? title = text is null ? null : isFilm ? cleaned.Title : ItemText.OneLine(text);
        if (title?.Length == 0)
        {
            body.Refuse("title", "String should not be blank", "string_too_short");
        }

        (Dictionary<string, AttributeValue> attributes, List<string> removed) = Attributes();
        if ((year ?? (isFilm ? cleaned.Year : null)) is { } known)
        {
            attributes.TryAdd(ItemAttributes.Year, AttributeValue.OfNumber(known));
        }

        DateTimeOffset? from = body.OptionalTime("available_from");
        DateTimeOffset? until = body.OptionalTime("available_until");
        if (from >= until)
        {
            body.Refuse("available_until", "Input should be later than available_from", "greater_than");
        }

        return new ItemRecord(id, now)
        {
            Title = title,
            Categories = body.HasValue(old) ? cleaned.Genres : null,
            Attributes = attributes.Count == 0 ? null : attributes,
            ImageUrl = ImageUrl(),
            CreatedAt = body.OptionalTime("created_at"),
            AvailableFrom = from,
            AvailableUntil = until,
            Hidden = body.HasValue("hidden") ? body.Boolean("hidden", false) : null,
            Removed = removed.Count == 0 ? null : removed,
        };
    }

    private string? ImageUrl()
    {
        string? url = body.OptionalText("image_url", MaxLongText);
        if (url is not null && !(Uri.TryCreate(url, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https"))
        {
            body.Refuse("image_url", "Input should be an address that begins with http:// or https://", "url_scheme");
        }

        return url;
    }

    private (Dictionary<string, AttributeValue> Attributes, List<string> Removed) Attributes()
    {
        var attributes = new Dictionary<string, AttributeValue>(StringComparer.OrdinalIgnoreCase);
        var removed = new List<string>();
        foreach (JsonProperty field in body.OptionalObject("attributes")?.Fields() ?? [])
        {
            string name = field.Name;
            if (name.Length is 0 or > MaxName || name.Any(char.IsControl) || attributes.Count + removed.Count >= MaxAttributes)
            {
                body.Refuse("attributes", $"An item has at most {MaxAttributes} attributes, with names of 1 to {MaxName} characters", "too_long");
            }
            else if (field.Value.ValueKind == JsonValueKind.Null)
            {
                removed.Add(ItemRecord.AttributeField(name));
            }
            else if (Value(field.Value, catalog?.KindOf(name)) is { } value)
            {
                attributes[name] = value;
            }
            else
            {
                string expected = catalog?.KindOf(name) switch
                {
                    AttributeKind.Number => "a finite number, as in the catalog",
                    AttributeKind.Time => "a time in ISO 8601, or seconds since 1970, as in the catalog",
                    AttributeKind.Category or AttributeKind.Text => "a string, as in the catalog",
                    _ => "a finite number, a string or a list of strings",
                };
                body.Refuse("attributes", $"'{name}' should be {expected}; strings have 1 to {MaxText} characters, texts {MaxLongText}, lists {MaxCategories} strings", "type_error");
            }
        }

        return (attributes, removed);
    }

    // For an attribute that no item has yet, by its JSON type.
    private static AttributeValue? Value(JsonElement element, AttributeKind? kind)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Number when kind is null or AttributeKind.Number:
                return JsonValues.TryDouble(element, out double number) ? AttributeValue.OfNumber(number) : null;
            case JsonValueKind.Number or JsonValueKind.String when kind == AttributeKind.Time:
                return JsonTime.TryRead(element, out DateTimeOffset time) ? AttributeValue.OfTime(time.ToUnixTimeSeconds()) : null;
            case JsonValueKind.String when kind != AttributeKind.Number && JsonValues.TryText(element, out string text) && text.Length is > 0 and <= MaxLongText:
                return kind == AttributeKind.Text || (kind is null && text.Length > MaxText) ? AttributeValue.OfText(text)
                    : text.Length > MaxText ? null
                    : kind == AttributeKind.Categories ? AttributeValue.OfCategories([text])
                    : kind is null && IsoTime.TryParse(text, out DateTimeOffset moment) ? AttributeValue.OfTime(moment.ToUnixTimeSeconds())
                    : AttributeValue.OfCategory(text);
            case JsonValueKind.Array when kind is null or AttributeKind.Categories && element.GetArrayLength() <= MaxCategories:
                var texts = new List<string>();
                foreach (JsonElement item in element.EnumerateArray())
                {
                    if (!JsonValues.TryText(item, out string one) || one.Length is 0 or > MaxText)
                    {
                        return null;
                    }

                    texts.Add(one);
                }

                return AttributeValue.OfCategories(texts);
            default:
                return null;
        }
    }
}
