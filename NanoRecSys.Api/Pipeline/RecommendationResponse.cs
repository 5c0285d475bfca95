using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using NanoRecSys.Api.Outcomes;

namespace NanoRecSys.Api.Pipeline;

/// <summary>
/// A response: the entry, which other responses may share, and the request's own part. It is sent as one JSON object, with the
/// bytes of the entry first.
/// </summary>
internal sealed record RecommendationResponse : IResult
{
    private const string ContentType = "application/json; charset=utf-8";
    private const int PartBytes = 512; // enough for seven stages

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? PartBuffer;

    [ThreadStatic]
    private static Utf8JsonWriter? PartWriter;

    [JsonIgnore] public CacheEntry? Entry { get; init; } // null if the queue was full and the settings ask for a 503
    public DebugTiming DebugTiming { get; init; } = new();

    public string RequestId { get; init; } = "";
    public bool ServedFromCache { get; init; }
    public required string Mode { get; init; } // one of Modes
    public IReadOnlyList<StageTiming> Stages { get; init; } = [];

    public Task ExecuteAsync(HttpContext httpContext)
    {
        ArrayBufferWriter<byte> part = PartBuffer ??= new ArrayBufferWriter<byte>(PartBytes);
        Utf8JsonWriter writer = PartWriter ??= new Utf8JsonWriter(part);
        part.ResetWrittenCount();
        writer.Reset();
        JsonSerializer.Serialize(writer, this, RecommendationJson.Default.RecommendationResponse);

        ReadOnlySpan<byte> front = Entry!.Json.Span[..^1]; // without the closing brace
        ReadOnlySpan<byte> back = part.WrittenSpan[1..]; // without the opening brace
        HttpResponse response = httpContext.Response;
        response.ContentType = ContentType;
        response.ContentLength = front.Length + 1 + back.Length;
        Span<byte> body = response.BodyWriter.GetSpan(front.Length + 1 + back.Length);
        front.CopyTo(body);
        body[front.Length] = (byte)',';
        back.CopyTo(body[(front.Length + 1)..]);
        response.BodyWriter.Advance(front.Length + 1 + back.Length);
        return Task.CompletedTask; // the server sends headers and body together when the request ends
    }
}

/// <summary>
/// The part of a response that does not depend on the request: JSON ready to be sent, after a header with the fields that a lookup
/// needs. A hit parses no JSON and writes only the request's own part.
/// </summary>
internal sealed class CacheEntry
{
    // Header: mark, length of all, stamp of the events, creation time, length of the ids and of the reason; then the reason, the ids and the JSON.
    private const uint Mark = 0x32_53_4e_41; // "ANS2"; another layout needs another mark and another CacheKey format
    private const int LengthAt = 4;
    private const int EventsAt = 8;
    private const int CreatedAt = 16;
    private const int IdsAt = 24;
    private const int ReasonAt = 28;
    private const int HeaderBytes = 29;
    private const int MaxHistory = 20;

    private CacheEntry(byte[] bytes)
    {
        Bytes = bytes;
        int reason = bytes[ReasonAt];
        int ids = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(IdsAt));
        FallbackReason = reason == 0 ? null : Encoding.UTF8.GetString(bytes.AsSpan(HeaderBytes, reason));
        ItemIds = bytes.AsMemory(HeaderBytes + reason, ids);
        Json = bytes.AsMemory(HeaderBytes + reason + ids);
    }

    public byte[] Bytes { get; } // header and JSON, as Redis stores them
    public ReadOnlyMemory<byte> Json { get; } // one JSON object

    /// <summary>The ids of the list in order, one per line, for readers that should not parse the JSON.</summary>
    public ReadOnlyMemory<byte> ItemIds { get; }

    /// <summary>The latest impression of this answer, waiting to be written or already written.</summary>
    public Impression? LastImpression { get; set; }

    /// <summary>See <see cref="EventsState"/>: if the stamp has changed, the entry is out of date.</summary>
    public long EventsStamp => BinaryPrimitives.ReadInt64LittleEndian(Bytes.AsSpan(EventsAt));

    public DateTimeOffset Created => DateTimeOffset.FromUnixTimeMilliseconds(BinaryPrimitives.ReadInt64LittleEndian(Bytes.AsSpan(CreatedAt)));

    public string? FallbackReason { get; } // set if popular items replace personal ones

    /// <summary>Converts the chosen rows to items and adds what the request asks for.</summary>
    /// <param name="request">Determines whether to include the history, and which filter ids are unknown.</param>
    /// <param name="eventsStamp">Stamp of the user's events before they were read.</param>
    /// <param name="best">[K] with the served scores.</param>
    /// <param name="reasons">[K]; null unless requested.</param>
    /// <param name="fallbackReason">Set if popular items replace personal ones.</param>
    public static CacheEntry Create(
        ServedCatalog catalog, RecommendationRequest request, History history, long eventsStamp, Candidate[] best, ListRules rules, Reason[]? reasons,
        string? fallbackReason)
    {
        IReadOnlyList<EntityId>? unknownIds = history.UnknownItemIds is null && request is { Filter: null, Pins.Count: 0 } ? null : Unknown(catalog, request, history);
        CatalogItem[]? seen = request.IncludeHistory ? [.. history.Rows.SkipLast(history.InView).TakeLast(MaxHistory).Select(catalog.ItemAt)] : null;
        byte[] json = request.ShowsMovies
            ? JsonSerializer.SerializeToUtf8Bytes(Movies(catalog, seen, best, reasons, unknownIds), RecommendationJson.Default.MovieContent)
            : JsonSerializer.SerializeToUtf8Bytes(Items(catalog, request, seen, best, rules, reasons, unknownIds), RecommendationJson.Default.ItemContent);
        byte[] ids = ArrayPool<byte>.Shared.Rent(best.Length * (EntityId.MaxBytes + 1));
        int length = 0;
        foreach (Candidate candidate in best)
        {
            length += Encoding.UTF8.GetBytes(catalog.ItemAt(candidate.Row).Id.Text, ids.AsSpan(length));
            ids[length++] = (byte)'\n';
        }

        CacheEntry entry = Write(json, ids.AsSpan(0, Math.Max(0, length - 1)), fallbackReason, eventsStamp, DateTimeOffset.UtcNow);
        ArrayPool<byte>.Shared.Return(ids);
        return entry;
    }

    // The unknown ids of sessions and items in view are in the history.
    private static EntityId[]? Unknown(ServedCatalog catalog, RecommendationRequest request, History history)
    {
        IEnumerable<EntityId> named = (request.Filter?.IncludeIds ?? []).Concat(request.Filter?.ExcludeIds ?? []).Concat(request.Pins.Select(pin => pin.ItemId));
        EntityId[] unknown = [.. (history.UnknownItemIds ?? []).Concat(named.Where(id => !catalog.TryFind(id, out _))).Distinct()];
        return unknown.Length == 0 ? null : unknown;
    }

    private static MovieContent Movies(
        ServedCatalog catalog, CatalogItem[]? seen, Candidate[] best, Reason[]? reasons, IReadOnlyList<EntityId>? unknown)
    {
        MovieInfo[] movies = Array.ConvertAll(best, candidate => catalog.ItemAt(candidate.Row).ToMovieInfo());
        return new MovieContent
        {
            MovieIds = Array.ConvertAll(movies, movie => movie.MovieId),
            Scores = Array.ConvertAll(best, candidate => candidate.Score),
            Explanations = reasons?.Select(Explainer.MovieSentence).ToArray() ?? [],
            Reasons = reasons?.Select(reason => new RecommendationReason(
                reason.Item.Id, reason.Kind, [.. reason.Because.Select(cause => new ContributingMovie(cause.Item.ToMovieInfo(), cause.Contribution))], reason.Shared)
            {
                IsNew = reason.IsNew,
                Watched = reason.Interactions,
                WatchedFirst = reason.FirstOf,
            }).ToArray(),
            Movies = movies,
            History = seen is null ? null : Array.ConvertAll(seen, item => item.ToMovieInfo()),
            UnknownMovieIds = unknown,
            Version = catalog.Model.Version,
        };
    }

    private static ItemContent Items(
        ServedCatalog catalog, RecommendationRequest request, CatalogItem[]? seen, Candidate[] best, ListRules rules, Reason[]? reasons, IReadOnlyList<EntityId>? unknown) => new()
        {
            Items = [.. best.Select((candidate, place) =>
            {
                ItemInfo item = catalog.ItemAt(candidate.Row).ToItemInfo();
                return new RecommendedItem(item, candidate.Score)
                {
                    Reason = reasons?[place] is { } reason ? Shown(reason, rules, candidate.Row) : null,
                    Boosted = rules.FactorOf(candidate.Row) is var factor && factor != 1 ? factor : null,
                    Pinned = rules.IsPinned(candidate.Row) ? true : null,
                    Rules = rules.RulesOf(candidate.Row),
                };
            })],
            History = seen is null ? null : Array.ConvertAll(seen, item => item.ToItemInfo()),
            UnknownItemIds = unknown,
            Rules = request.Rules?.Names,
            Version = catalog.Model.Version,
        };

    private static ItemReason Shown(Reason reason, ListRules rules, int row) => new(
        Explainer.Sentence(reason) + RuleSentence(rules, row), reason.Kind, [.. reason.Because.Select(cause => new ContributingItem(cause.Item.ToItemInfo(), cause.Contribution))], reason.Shared)
    {
        IsNew = reason.IsNew,
        Interactions = reason.Interactions,
        FirstOf = reason.FirstOf,
    };

    private static string RuleSentence(ListRules rules, int row) => rules.RulesOf(row) is not { } names ? ""
        : $" {(rules.IsPinned(row) ? "Pinned" : rules.FactorOf(row) >= 1 ? "Raised" : "Lowered")} by the rule{(names.Length == 1 ? "" : "s")} {string.Join(", ", names.Select(name => $"“{name}”"))}.";

    /// <exception cref="InvalidDataException">The bytes were not written by <see cref="Write"/>, or are incomplete.</exception>
    public static CacheEntry Read(byte[] bytes)
    {
        return bytes.Length > HeaderBytes
            && BinaryPrimitives.ReadUInt32LittleEndian(bytes) == Mark
            && BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(LengthAt)) == bytes.Length
            && BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(IdsAt)) is >= 0 and var ids
            && ids < bytes.Length - HeaderBytes - bytes[ReasonAt]
            ? new CacheEntry(bytes)
            : throw new InvalidDataException($"A cached answer of {bytes.Length} bytes is damaged and will be replaced.");
    }

    internal static CacheEntry Write(ReadOnlySpan<byte> json, ReadOnlySpan<byte> ids, string? fallbackReason, long eventsStamp, DateTimeOffset created)
    {
        byte[] reason = Encoding.UTF8.GetBytes(fallbackReason ?? "");
        var bytes = new byte[HeaderBytes + reason.Length + ids.Length + json.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Mark);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(LengthAt), bytes.Length);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(EventsAt), eventsStamp);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(CreatedAt), created.ToUnixTimeMilliseconds());
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(IdsAt), ids.Length);
        bytes[ReasonAt] = checked((byte)reason.Length);
        reason.CopyTo(bytes.AsSpan(HeaderBytes));
        ids.CopyTo(bytes.AsSpan(HeaderBytes + reason.Length));
        json.CopyTo(bytes.AsSpan(HeaderBytes + reason.Length + ids.Length));
        return new CacheEntry(bytes);
    }

    /// <summary>The JSON; see <see cref="RecommendationsResponse"/>. See <see cref="CacheKey"/> before changing it.</summary>
    internal sealed record ItemContent
    {
        public required IReadOnlyList<RecommendedItem> Items { get; init; }
        public IReadOnlyList<ItemInfo>? History { get; init; }
        public IReadOnlyList<EntityId>? UnknownItemIds { get; init; }
        public IReadOnlyList<string>? Rules { get; init; }
        public required string Version { get; init; }
    }

    /// <summary>The JSON; see <see cref="RecommendResponse"/>. See <see cref="CacheKey"/> before changing it.</summary>
    internal sealed record MovieContent
    {
        public required IReadOnlyList<EntityId> MovieIds { get; init; }
        public required IReadOnlyList<float> Scores { get; init; }
        public required IReadOnlyList<string> Explanations { get; init; }
        public IReadOnlyList<RecommendationReason>? Reasons { get; init; }
        public IReadOnlyList<MovieInfo>? History { get; init; }
        public required IReadOnlyList<MovieInfo> Movies { get; init; }
        public IReadOnlyList<EntityId>? UnknownMovieIds { get; init; }
        public required string Version { get; init; }
    }
}

/// <summary>Whether a response, or the service, uses every configured part.</summary>
internal static class Modes
{
    public const string Live = "live"; // every configured part works. An unknown user's popular items are live, too.
    public const string Degraded = "degraded"; // Redis, the model, or the version that should be served is unavailable
}

/// <summary>The two parts of a response.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(CacheEntry.ItemContent))]
[JsonSerializable(typeof(CacheEntry.MovieContent))]
[JsonSerializable(typeof(RecommendationResponse))]
internal sealed partial class RecommendationJson : JsonSerializerContext;
