using System.Buffers;
using System.Globalization;
using System.IO.Hashing;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using NanoRecSys.Api.Http;
using NanoRecSys.Api.Serving;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Pipeline;

/// <summary>A checked request: a user, or a session of movies, and how the list should look.</summary>
internal sealed record RecommendationRequest
{
    public const int DefaultK = 10;
    public const int MaxK = 100;

    /// <summary>Null in a session.</summary>
    public EntityId? UserId { get; init; }

    /// <summary>A session's movies, at least one, oldest first unless there are <see cref="Times"/>; null for a user.</summary>
    public IReadOnlyList<EntityId>? MovieIds { get; init; }

    /// <summary>When each of <see cref="MovieIds"/> was watched, in seconds since 1970; null if only the order is known.</summary>
    public IReadOnlyList<long>? Times { get; init; }

    public required int K { get; init; }

    public bool Explain { get; init; }

    public bool IncludeHistory { get; init; }

    /// <summary>Null if every movie may be recommended.</summary>
    public FilterRequest? Filters { get; init; }

    /// <summary>0..1: weight of not resembling the movies above (maximal marginal relevance).</summary>
    public double Diversity { get; init; }

    /// <summary>0..1: weight against the share of log-popularity.</summary>
    public double PopularityPenalty { get; init; }

    /// <summary>Whether the list is to be reordered after the ranking.</summary>
    public bool IsReordered => Diversity > 0 || PopularityPenalty > 0;

    /// <summary>Divides users, or sessions, among models; the same for the same user on every replica.</summary>
    public int Bucket => (int)XxHash32.HashToUInt32(Encoding.UTF8.GetBytes(UserId?.Text ?? CandidateFilter.Ids(MovieIds ?? [])));
}

/// <summary>Reads a request from the fields of a body; what is wrong becomes the body's errors.</summary>
internal static class RequestReader
{
    private const int MaxIds = 1000;
    private const int MaxGenres = 50;
    private const int MaxGenre = 40;

    public static RecommendationRequest User(BodyFields body) => Options(body) with { UserId = body.Id("user_id") };

    public static RecommendationRequest Session(BodyFields body)
    {
        IReadOnlyList<EntityId> movies = body.IdList("movie_ids", MaxIds);
        IReadOnlyList<long> times = body.OptionalInt64List("times", MaxIds);
        if (times.Count > 0 && times.Count != movies.Count)
        {
            body.Refuse("times", $"{movies.Count} movies have {times.Count} times", "length_mismatch");
        }

        RecommendationRequest request = Options(body) with { MovieIds = movies, Times = times.Count > 0 ? times : null };
        body.ForbidOthers();
        return request;
    }

    /// <summary>Checks what depends on the model: a session needs a movie that the catalog holds, a filter genres that a movie has.</summary>
    public static void CheckAgainst(ServedCatalog catalog, RecommendationRequest request, BodyFields body)
    {
        // One known movie is enough; the response names the others.
        if (request.MovieIds is { } movies && body.Errors.Count == 0 && !movies.Any(movie => catalog.TryFind(movie, out _)))
        {
            string ids = string.Join(", ", movies.Distinct());
            body.Refuse("movie_ids", $"The catalog holds none of these movies: {ids}", "unknown_movies");
        }

        // A filter with an unknown genre would let nothing through, or everything.
        ModelSnapshot model = catalog.Model;
        IEnumerable<string> genres = (request.Filters?.GenresAny ?? []).Concat(request.Filters?.GenresNone ?? []);
        foreach (string genre in genres.Where(genre => !model.Genres.Contains(genre)).Distinct())
        {
            string known = string.Join(", ", model.Genres.Order(StringComparer.Ordinal));
            body.Refuse("filters", $"No movie has the genre '{genre}'; there are {known}", "unknown_genre");
        }
    }

    private static RecommendationRequest Options(BodyFields body) => new()
    {
        K = body.Int32("k", RecommendationRequest.DefaultK, 1, RecommendationRequest.MaxK),
        Explain = body.Boolean("explain", false),
        IncludeHistory = body.Boolean("include_history", false),
        Filters = Filters(body.OptionalObject("filters")),
        Diversity = body.OptionalNumber("diversity", 0, 1) ?? 0,
        PopularityPenalty = body.OptionalNumber("popularity_penalty", 0, 1) ?? 0,
    };

    // Unlike other unknown fields, a misspelt filter is refused: it must not be ignored.
    private static FilterRequest? Filters(BodyFields? fields)
    {
        if (fields is null)
        {
            return null;
        }

        var filters = new FilterRequest
        {
            GenresAny = fields.OptionalTextList("genres_any", MaxGenres, MaxGenre),
            GenresNone = fields.OptionalTextList("genres_none", MaxGenres, MaxGenre),
            YearFrom = fields.OptionalInt32("year_from"),
            YearTo = fields.OptionalInt32("year_to"),
            ExcludeIds = fields.OptionalIdList("exclude_ids", MaxIds),
            OnlyIds = fields.OptionalIdList("only_ids", MaxIds),
            MinPopularity = fields.OptionalInt32("min_popularity", min: 0),
        };
        fields.ForbidOthers();
        return CandidateFilter.IsEmpty(filters) ? null : filters;
    }
}

/// <summary>
/// Reads the body that nearly every request has, <c>{"user_id": 1, "k": 10}</c>, in place, without building a document.
/// Any other body, or a wrong one, is left unread for <see cref="RequestReader"/>, which reports what is wrong.
/// </summary>
internal static class PlainBody
{
    private const int MaxBytes = 256;

    /// <returns>Null if the body is any other.</returns>
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

                // The last of a repeated name counts, as elsewhere.
                if (isUser && reader.TokenType == JsonTokenType.String && EntityId.TryParse(reader.GetString(), out EntityId id))
                {
                    user = id;
                }
                else if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out long number) && (isUser || number is >= 1 and <= RecommendationRequest.MaxK))
                {
                    (user, k) = isUser ? (number, k) : (user, (int)number);
                }
                else
                {
                    return null;
                }
            }

            return user is { } && reader.TokenType == JsonTokenType.EndObject && !reader.Read()
                ? new RecommendationRequest { UserId = user, K = k }
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter for a name that is half a surrogate pair
        {
            return null;
        }
    }
}

/// <summary>Which movies may be recommended. Works inside the search, so that K come back if K exist.</summary>
internal static class CandidateFilter
{
    public static bool IsEmpty(FilterRequest filters) =>
        !ReadsItems(filters) && filters is { OnlyIds: null or { Count: 0 }, ExcludeIds: null or { Count: 0 } };

    /// <returns>The same text for the same filter, whatever the order of its lists.</returns>
    public static string Fingerprint(FilterRequest filters) => string.Create(CultureInfo.InvariantCulture,
        $"{Text(filters.GenresAny)};{Text(filters.GenresNone)};{filters.YearFrom};{filters.YearTo};{Ids(Sorted(filters.ExcludeIds))};{Ids(Sorted(filters.OnlyIds))};{filters.MinPopularity ?? 0}");

    /// <returns>Rows that pass; null if all do.</returns>
    public static RowSet? Allowed(ServedCatalog catalog, FilterRequest? filters)
    {
        if (filters is null)
        {
            return null;
        }

        var allowed = new RowSet(catalog.Count);
        bool readsItems = ReadsItems(filters);
        IEnumerable<int> rows = filters.OnlyIds is { Count: > 0 } only ? Rows(catalog, only) : Enumerable.Range(0, catalog.Count);
        foreach (int row in rows)
        {
            if (!readsItems || Passes(filters, catalog.ItemAt(row)))
            {
                allowed.Add(row);
            }
        }

        allowed.RemoveRange([.. Rows(catalog, filters.ExcludeIds ?? [])]);
        return allowed;
    }

    /// <summary>The filter's ids that the catalog does not hold.</summary>
    public static IEnumerable<EntityId> UnknownIds(ServedCatalog catalog, FilterRequest? filters) =>
        (filters?.OnlyIds ?? []).Concat(filters?.ExcludeIds ?? []).Distinct().Where(id => !catalog.TryFind(id, out _));

    private static bool ReadsItems(FilterRequest filters) =>
        filters is { GenresAny.Count: > 0 } or { GenresNone.Count: > 0 } or { YearFrom: not null } or { YearTo: not null } or { MinPopularity: > 0 };

    private static IEnumerable<int> Rows(ServedCatalog catalog, IReadOnlyList<EntityId> ids)
    {
        foreach (EntityId id in ids)
        {
            if (catalog.TryFind(id, out int row))
            {
                yield return row;
            }
        }
    }

    // A movie of unknown year passes no filter by year.
    private static bool Passes(FilterRequest filters, CatalogItem item) =>
        item.Count >= (filters.MinPopularity ?? 0)
        && (filters.YearFrom is null || item.Year >= filters.YearFrom)
        && (filters.YearTo is null || item.Year <= filters.YearTo)
        && (filters.GenresAny is not { Count: > 0 } any || HasOneOf(item, any))
        && (filters.GenresNone is not { Count: > 0 } none || !HasOneOf(item, none));

    private static bool HasOneOf(CatalogItem item, IReadOnlyList<string> genres)
    {
        foreach (string genre in item.Categories)
        {
            for (int i = 0; i < genres.Count; i++)
            {
                if (genre.Equals(genres[i], StringComparison.OrdinalIgnoreCase))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static string Text(IReadOnlyList<string>? genres) =>
        string.Join('|', (genres ?? []).Select(genre => genre.ToUpperInvariant()).Distinct().Order(StringComparer.Ordinal));

    private static IEnumerable<EntityId> Sorted(IReadOnlyList<EntityId>? ids) => (ids ?? []).Distinct().OrderBy(id => id.Text, StringComparer.Ordinal);

    /// <summary>Ids as one text; no two lists have the same.</summary>
    public static string Ids(IEnumerable<EntityId> ids) => string.Join(',', ids.Select(id => Uri.EscapeDataString(id.Text)));
}
