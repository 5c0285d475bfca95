using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using NanoRecSys.Api.Outcomes;
using NanoRecSys.Api.Rules;

namespace NanoRecSys.Api.Pipeline;

/// <summary>Reads a request from a body's fields; problems become errors of the body.</summary>
internal static class RequestReader
{
    private const int MaxIds = 1000;
    private const int MaxCategories = 50;
    private const int MaxCategory = 40; // characters of nanoRecSys's genres
    private const int MaxValue = 500;
    private const int MaxField = 64;
    private const int MaxConditions = 50;
    private const int MaxBoosts = 20;
    private const int MaxPins = 100;
    private const int MaxRules = 50;
    private const int MaxOffset = 9000;
    private const int MaxSurface = 32;
    private const int MaxReordered = 1000; // each position is compared with all candidates
    private const double MostBoost = 1000;

    /// <summary>Reads the body of <c>POST /recommend</c>.</summary>
    public static RecommendationRequest User(BodyFields body) => MovieOptions(body) with { UserId = body.Id("user_id") };

    /// <summary>Reads the body of <c>POST /recommend/session</c>.</summary>
    public static RecommendationRequest Session(BodyFields body)
    {
        IReadOnlyList<EntityId> movies = body.IdList("movie_ids", MaxIds);
        IReadOnlyList<long> times = body.OptionalInt64List("times", MaxIds);
        if (times.Count > 0 && times.Count != movies.Count)
        {
            body.Refuse("times", $"{movies.Count} movies have {times.Count} times", "length_mismatch");
        }

        RecommendationRequest request = MovieOptions(body) with { ItemIds = movies, Times = times.Count > 0 ? times : null };
        body.ForbidOthers();
        return request;
    }

    /// <summary>Reads the body of <c>POST /recommendations</c>.</summary>
    public static RecommendationRequest Items(BodyFields body)
    {
        RecommendationRequest request = ItemOptions(body);
        body.ForbidOthers();
        return request;
    }

    /// <summary>Reads the body of <c>POST /recommendations/preview</c>: the same with the rules and the version to try; null means the served ones.</summary>
    public static (RecommendationRequest Request, StoredRule[]? Rules, string? Version) Preview(BodyFields body)
    {
        StoredRule[]? rules = body.HasValue("rules") ? Rules(body) : null;
        string? version = body.OptionalText("version", MaxField);
        RecommendationRequest request = ItemOptions(body);
        body.ForbidOthers();
        return (request, rules, version);
    }

    private static RecommendationRequest ItemOptions(BodyFields body)
    {
        EntityId? user = body.OptionalId("user_id");
        IReadOnlyList<BodyFields>? session = body.Has("session") ? body.Objects("session", MaxIds) : null;
        EntityId? view = body.OptionalId("item_id");
        (EntityId Id, DateTimeOffset? Time)[]? items = session is null ? null : Read(session, fields => (fields.Id("item_id"), fields.OptionalTime("time")));
        DateTimeOffset[] times = [.. (items ?? []).Select(item => item.Time).OfType<DateTimeOffset>()];
        if (user is not null && items is not null)
        {
            body.Refuse("session", "A request has a user_id or a session, not both", "extra_forbidden");
        }
        else if (body.Errors.Count == 0 && user is null && items is null && view is null)
        {
            body.Refuse("user_id", "Field required: a user_id, a session or an item_id", "missing");
        }
        else if (times.Length > 0 && times.Length != items?.Length)
        {
            body.Refuse("session", $"{times.Length} of {items?.Length} items have a time; all or none must have one", "length_mismatch");
        }

        RecommendationRequest request = Options(body, RecommendationRequest.MaxK, ItemFilter) with
        {
            UserId = user,
            ItemIds = items is null ? null : Array.ConvertAll(items, item => item.Id),
            Times = times.Length > 0 ? Array.ConvertAll(times, time => time.ToUnixTimeSeconds()) : null,
            InView = view,
            Offset = body.Int32("offset", 0, 0, MaxOffset),
            Boosts = Read(body.OptionalObjects("boost", MaxBoosts), Boost),
            Pins = Pins(body),
            ExcludeShown = body.Int32("exclude_shown", 0, 0, ImpressionLog.ListsPerUser),
        };
        if (request.ExcludeShown > 0 && user is null)
        {
            body.Refuse("exclude_shown", "Only the lists of a user are remembered: exclude_shown needs a user_id", "missing");
        }

        if (body.OptionalText("surface", MaxSurface) is { } surface)
        {
            request = request with { Surface = surface };
            if (!surface.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-'))
            {
                body.Refuse("surface", "String should have letters, digits, '.', '_' and '-' only", "string_pattern_mismatch");
            }
        }

        if (request.IsReordered && request.Reach > MaxReordered)
        {
            body.Refuse("offset", $"With diversity or popularity_penalty, offset + k is at most {MaxReordered}, not {request.Reach}", "less_than_equal");
        }

        return request;
    }

    /// <summary>The rules of a stored document, a <c>PUT /rules</c> or a preview.</summary>
    public static StoredRule[] Rules(BodyFields body)
    {
        StoredRule[] rules = body.IsEmptyList("rules") ? [] : Read(body.Objects("rules", MaxRules), Rule);
        if (rules.DistinctBy(rule => rule.Effects.Name).Count() < rules.Length)
        {
            body.Refuse("rules", "Two rules have the same name", "contradiction");
        }

        return rules;
    }

    /// <summary>Validates what depends on the model: categories and attributes must exist.</summary>
    public static void CheckAgainst(ServedCatalog catalog, IEnumerable<StoredRule> rules, BodyFields body)
    {
        foreach (Selection items in rules.SelectMany(rule => rule.Effects.Boosts.Select(boost => boost.Items).Concat(rule.Effects.Hides)))
        {
            CheckConditions(catalog, items.Where, body, "rules");
        }
    }

    /// <summary>Validates what depends on the model: a session needs an item in the catalog, and a filter's categories and attributes must exist.</summary>
    public static void CheckAgainst(ServedCatalog catalog, RecommendationRequest request, BodyFields body)
    {
        // One known item is enough; the response lists the unknown ones.
        EntityId[] items = [.. request.ItemIds ?? [], .. request.InView is { } view ? [view] : Array.Empty<EntityId>()];
        if (request.UserId is null && body.Errors.Count == 0 && !items.Any(item => catalog.TryFind(item, out _)))
        {
            (string name, string word) = request.ShowsMovies ? ("movie_ids", "movies") : (request.ItemIds is null ? "item_id" : "session", "items");
            body.Refuse(name, $"None of these {word} is in the catalog: {string.Join(", ", items.Distinct())}", $"unknown_{word}");
        }

        if (request.ShowsMovies)
        {
            foreach (string genre in UnknownCategories(catalog, request.Filter?.Where ?? []))
            {
                body.Refuse("filters", $"No movie has the genre '{genre}'; there are {KnownCategories(catalog)}", "unknown_genre");
            }
        }
        else if (body.Errors.Count == 0)
        {
            CheckConditions(catalog, request.Filter?.Where ?? [], body, "filters");
            CheckIds(request.Filter, body);
            foreach (Boost boost in request.Boosts)
            {
                CheckConditions(catalog, boost.Items.Where, body, "boost");
            }
        }
    }

    private static void CheckConditions(ServedCatalog catalog, IReadOnlyList<Condition> conditions, BodyFields body, string place)
    {
        int before = body.Errors.Count;
        foreach (string category in UnknownCategories(catalog, conditions))
        {
            body.Refuse(place, $"No item has the category '{category}'; there are {KnownCategories(catalog)}", "unknown_category");
        }

        foreach (Condition condition in conditions)
        {
            if (catalog.KindOf(condition.Field) is not { } kind)
            {
                string[] fields = [.. catalog.Fields, AttributeTable.Title, AttributeTable.Categories, AttributeTable.CreatedAt];
                body.Refuse(place, $"No item has the attribute '{condition.Field}'; there are {string.Join(", ", fields)}", "unknown_field");
            }
            else if (!Conditions.Of(kind).Contains(condition.Op))
            {
                body.Refuse(place, $"'{condition.Field}' is a {Word(kind)}, whose operators are {string.Join(", ", Conditions.Of(kind))}", "enum");
            }
            else if (condition.Values.Any(value => kind switch { AttributeKind.Number => value.Text is not null, AttributeKind.Time => double.IsNaN(value.Number), _ => value.Text is null }))
            {
                string expected = kind switch { AttributeKind.Number => "numbers", AttributeKind.Time => "times, in ISO 8601 or seconds since 1970", _ => "strings" };
                body.Refuse(place, $"'{condition.Field}' is a {Word(kind)}: compare it with {expected}", "type_error");
            }
        }

        if (body.Errors.Count == before && Conditions.Contradiction(conditions, catalog.KindOf) is { } impossible)
        {
            body.Refuse(place, $"No item can have {string.Join(" and ", impossible.Select(Conditions.Describe))}{Range(catalog, impossible[0].Field)}", "contradiction");
        }
    }

    private static string Word(AttributeKind kind) => kind switch
    {
        AttributeKind.Number => "number",
        AttributeKind.Time => "time",
        AttributeKind.Categories => "list of categories",
        AttributeKind.Category => "category",
        _ => "text",
    };

    private static string Range(ServedCatalog catalog, string field) => catalog.Model.Attributes.Describe(field, mostValues: 10) switch
    {
        { Min: { } min, Max: { } max, Kind: AttributeKind.Number } => $"; the catalog has {min.Number} to {max.Number}",
        { Values: { Count: > 0 } values } => $"; the catalog has {string.Join(", ", values.Select(value => value.Value))}",
        _ => "",
    };

    private static void CheckIds(ItemFilter? filter, BodyFields body)
    {
        if (filter is { IncludeIds.Count: > 0 } && !filter.IncludeIds.Except(filter.ExcludeIds).Any())
        {
            body.Refuse("filters", "No item is left: exclude_ids has all of include_ids", "contradiction");
        }
    }

    // A filter with an unknown category would exclude all items, or none.
    private static IEnumerable<string> UnknownCategories(ServedCatalog catalog, IEnumerable<Condition> conditions) => conditions
        .Where(condition => condition.Field.Equals(AttributeTable.Categories, StringComparison.OrdinalIgnoreCase) && condition.Op is Conditions.In or Conditions.Equal or Conditions.NotEqual)
        .SelectMany(condition => condition.Values)
        .Select(value => value.Text)
        .OfType<string>()
        .Where(category => !catalog.HasValue(AttributeTable.Categories, category))
        .Distinct();

    private static string KnownCategories(ServedCatalog catalog)
    {
        IReadOnlyList<ValueCount> all = catalog.Model.Attributes.Describe(AttributeTable.Categories, int.MaxValue).Values!;
        string some = string.Join(", ", all.Take(MaxCategories).Select(category => category.Value).Order(StringComparer.Ordinal));
        return all.Count > MaxCategories ? $"{some} and {all.Count - MaxCategories} more" : all.Count > 0 ? some : "none";
    }

    private static RecommendationRequest MovieOptions(BodyFields body) => Options(body, RecommendationRequest.MaxMovies, MovieFilter) with { ShowsMovies = true };

    private static RecommendationRequest Options(BodyFields body, int maxK, Func<BodyFields, ItemFilter> readFilter) => new()
    {
        K = body.Int32("k", RecommendationRequest.DefaultK, 1, maxK),
        Explain = body.Boolean("explain", false),
        IncludeHistory = body.Boolean("include_history", false),
        Filter = body.OptionalObject("filters") is { } fields ? Filter(fields, readFilter) : null,
        Diversity = body.OptionalNumber("diversity", 0, 1) ?? 0,
        PopularityPenalty = body.OptionalNumber("popularity_penalty", 0, 1) ?? 0,
    };

    // Unlike other unknown fields, a misspelled filter is always refused, because ignoring it would be wrong.
    private static ItemFilter? Filter(BodyFields fields, Func<BodyFields, ItemFilter> read)
    {
        ItemFilter filter = read(fields);
        fields.ForbidOthers();
        return filter.IsEmpty ? null : filter;
    }

    private static ItemFilter MovieFilter(BodyFields fields)
    {
        List<Condition> where =
        [
            .. Categories(Conditions.In, fields.OptionalTextList("genres_any", MaxCategories, MaxCategory)),
            .. Categories(Conditions.NotEqual, fields.OptionalTextList("genres_none", MaxCategories, MaxCategory)),
            .. Bound(ItemAttributes.Year, Conditions.AtLeast, fields.OptionalInt32("year_from")),
            .. Bound(ItemAttributes.Year, Conditions.AtMost, fields.OptionalInt32("year_to")),
            .. Popularity(fields, "min_popularity", Conditions.AtLeast),
        ];
        return new ItemFilter(where, fields.OptionalIdList("only_ids", MaxIds), fields.OptionalIdList("exclude_ids", MaxIds));
    }

    private static ItemFilter ItemFilter(BodyFields fields)
    {
        List<Condition> where =
        [
            .. Categories(Conditions.In, fields.OptionalTextList("categories_any", MaxCategories, MaxValue)),
            .. Categories(Conditions.NotEqual, fields.OptionalTextList("categories_none", MaxCategories, MaxValue)),
            .. Where(fields),
            .. Popularity(fields, "min_popularity", Conditions.AtLeast),
            .. Popularity(fields, "max_popularity", Conditions.AtMost),
        ];
        return new ItemFilter(where, fields.OptionalIdList("include_ids", MaxIds), fields.OptionalIdList("exclude_ids", MaxIds));
    }

    private static Boost Boost(BodyFields fields)
    {
        Selection items = Selection(fields);
        double factor = fields.OptionalNumber("factor", 1 / MostBoost, MostBoost) ?? 0;
        if (factor == 0 && !fields.Has("factor"))
        {
            fields.Refuse("factor", "Field required", "missing");
        }

        return new Boost(items, factor);
    }

    private static Selection Selection(BodyFields fields)
    {
        int before = fields.Errors.Count;
        var items = new Selection(
            [.. Categories(Conditions.In, fields.OptionalTextList("categories_any", MaxCategories, MaxValue)), .. Where(fields)], fields.OptionalIdList("item_ids", MaxIds));
        if (items is { Where.Count: 0, ItemIds.Count: 0 } && fields.Errors.Count == before)
        {
            fields.Refuse("where", "Field required: where, categories_any or item_ids", "missing");
        }

        return items;
    }

    private static StoredRule Rule(BodyFields fields)
    {
        string name = fields.Text("name", MaxField);
        if (name.Any(char.IsControl))
        {
            fields.Refuse("name", "String should have no control characters", "string_type");
        }

        bool isEnabled = fields.Boolean("enabled", true);
        DateTimeOffset? from = fields.OptionalTime("from");
        DateTimeOffset? until = fields.OptionalTime("until");
        if (from >= until)
        {
            fields.Refuse("until", "Input should be later than from", "greater_than");
        }

        var effects = new RuleEffects(
            name, Read(fields.OptionalObjects("boost", MaxBoosts), Boost), Pins(fields), Read(fields.OptionalObjects("hide", MaxBoosts), Selection));
        return new StoredRule(effects, isEnabled, from, until, fields.RawText);
    }

    private static PinRequest[] Pins(BodyFields body)
    {
        int before = body.Errors.Count;
        PinRequest[] pins = Read(body.OptionalObjects("pin", MaxPins), fields =>
            new PinRequest(fields.Id("item_id"), fields.Int32("position", null, 1, MaxOffset + RecommendationRequest.MaxK)));
        if (body.Errors.Count == before && (pins.DistinctBy(pin => pin.ItemId).Count() < pins.Length || pins.DistinctBy(pin => pin.Position).Count() < pins.Length))
        {
            body.Refuse("pin", "An item or a position occurs twice", "contradiction");
        }

        return pins;
    }

    /// <summary>Reads each object and refuses its other fields.</summary>
    private static T[] Read<T>(IReadOnlyList<BodyFields> objects, Func<BodyFields, T> read)
    {
        var values = new T[objects.Count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = read(objects[i]);
            objects[i].ForbidOthers();
        }

        return values;
    }

    private static IEnumerable<Condition> Categories(string op, IReadOnlyList<string> categories) =>
        categories.Count == 0 ? [] : [new Condition(AttributeTable.Categories, op, [.. categories])];

    private static IEnumerable<Condition> Popularity(BodyFields fields, string name, string op) => Bound(AttributeTable.Popularity, op, fields.OptionalInt32(name, min: 0));

    private static IEnumerable<Condition> Bound(string field, string op, int? value) => value is { } bound ? [new Condition(field, op, [bound])] : [];

    private static List<Condition> Where(BodyFields fields)
    {
        var conditions = new List<Condition>();
        foreach (BodyFields row in fields.OptionalObjects("where", MaxConditions))
        {
            int before = fields.Errors.Count;
            string field = row.Text("field", MaxField);
            string op = row.Text("op", MaxField);
            IReadOnlyList<ConditionValue> values = row.Values("value", op == Conditions.In ? MaxIds : 1, MaxValue);
            row.ForbidOthers();
            if (fields.Errors.Count == before)
            {
                conditions.Add(new Condition(field, op, values));
            }
        }

        return conditions;
    }
}

/// <summary>
/// Reads the body that nearly every request has, <c>{"user_id": 1, "k": 10}</c>, in place, without building a document.
/// Any other or invalid body is left to <see cref="RequestReader"/>, which reports errors.
/// </summary>
internal static class PlainBody
{
    private const int MaxBytes = 256;

    /// <returns>Null for any other body.</returns>
    public static async ValueTask<RecommendationRequest?> TryReadAsync(HttpRequest http, CancellationToken cancellationToken)
    {
        if (http.ContentLength is not (> 0 and <= MaxBytes) || !http.HasJsonContentType())
        {
            return null;
        }

        PipeReader reader = http.BodyReader;
        ReadResult read = await reader.ReadAsync(cancellationToken);
        RecommendationRequest? request = read.Buffer.Length == http.ContentLength ? Parse(read.Buffer) : null;
        reader.AdvanceTo(request is null ? read.Buffer.Start : read.Buffer.End);
        return request;
    }

    internal static RecommendationRequest? Parse(ReadOnlySequence<byte> body)
    {
        EntityId? user = null;
        int k = RecommendationRequest.DefaultK;
        var reader = new Utf8JsonReader(body);
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return null;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                bool isUser = reader.ValueTextEquals("user_id"u8);
                if (!(isUser || reader.ValueTextEquals("k"u8)) || !reader.Read())
                {
                    return null;
                }

                // The last of a repeated name counts, as in other bodies.
                if (isUser && reader.TokenType == JsonTokenType.String && EntityId.TryParse(reader.GetString(), out EntityId id))
                {
                    user = id;
                }
                else if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out long number) && (isUser || number is >= 1 and <= RecommendationRequest.MaxMovies))
                {
                    (user, k) = isUser ? (number, k) : (user, (int)number);
                }
                else
                {
                    return null;
                }
            }

            return user is { } && reader.TokenType == JsonTokenType.EndObject && !reader.Read()
                ? new RecommendationRequest { UserId = user, K = k, ShowsMovies = true }
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter for a name with an unpaired surrogate
        {
            return null;
        }
    }
}
