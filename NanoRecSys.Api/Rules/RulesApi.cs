using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using NanoRecSys.Api.Endpoints;
using StackExchange.Redis;

namespace NanoRecSys.Api.Rules;

/// <summary><c>GET /rules</c> and <c>PUT /rules</c>: rules for every list of recommendations.</summary>
internal static class RulesApi
{
    private const int MaxBodyBytes = 1024 * 1024;
    private const string Example =
        """
        {"version": 0, "rules": [{"name": "Summer", "from": "2026-06-01T00:00:00Z", "until": "2026-09-01T00:00:00Z",
         "boost": [{"categories_any": ["Comedy"], "factor": 2}], "pin": [{"item_id": 260, "position": 1}], "hide": [{"where": [{"field": "year", "op": "<", "value": 1950}]}]}]}
        """;

    public static void AddRules(this WebApplicationBuilder builder)
    {
        builder.Services.AddBackground<RuleStore>();
    }

    public static void MapRules(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder rules = app.MapGroup("/rules").WithTags("Rules");
        rules.MapGet("", (RuleStore store) => Shown(store.Current))
            .WithSummary("The boosted, pinned and hidden items of all lists")
            .Produces<RuleDocument>()
            .RequireKey(KeyRole.Read);
        rules.MapPut("", PutRules)
            .WithSummary("Replaces all rules")
            .WithDescription(
                "Takes effect on every replica at once, including cached lists. A boost multiplies the odds of items, a pin puts an item at a position in every list, and a hidden item is never returned; lists keep their k items. " +
                "409: the rules have changed since the version in the body; read them again. Unknown fields are refused.")
            .WithJsonBody<RuleDocument, RuleDocument>(Example)
            .Produces<PlainError>(StatusCodes.Status409Conflict)
            .WithMetadata(new RequestSizeLimitAttribute(MaxBodyBytes))
            .RequireKey(KeyRole.Admin);
    }

    private static async Task<IResult> PutRules(HttpContext http, RuleStore store, LookUp lookUp, CancellationToken cancellationToken)
    {
        BodyFields body = await JsonBody.ReadStrictAsync(http.Request, cancellationToken);
        int version = body.Int32("version", null, 0);
        StoredRule[] rules = RequestReader.Rules(body);
        body.ForbidOthers();
        using SnapshotLease? lease = lookUp.Served.Lease();
        if (lease is not null)
        {
            RequestReader.CheckAgainst(lookUp.Items.Extend(lease.Model), rules, body);
        }

        if (lookUp.Refusal(body.Errors, lease) is { } refusal)
        {
            return refusal;
        }

        return await store.ReplaceAsync(version, rules) is { } stored ? Shown(stored)
            : TypedResults.Conflict(new PlainError($"The rules were changed: version {store.Current.Version} is stored, not {version}. Read them again, then repeat the change."));
    }

    private static FileContentHttpResult Shown(RuleSet rules) => TypedResults.Bytes(rules.Write(), "application/json; charset=utf-8");
}

/// <param name="Effects">Effects while the rule is in force.</param>
/// <param name="Json">The whole rule, as received.</param>
internal sealed record StoredRule(RuleEffects Effects, bool IsEnabled, DateTimeOffset? From, DateTimeOffset? Until, string Json)
{
    public bool IsInForce(DateTimeOffset now) => IsEnabled && (From is null || From <= now) && (Until is null || Until > now);
}

/// <summary>All rules of one version of the stored document. Immutable except for a cached result.</summary>
internal sealed record RuleSet(long Version, IReadOnlyList<StoredRule> Rules)
{
    public static readonly RuleSet Empty = new(0, []);

    private sealed record Moment(DateTimeOffset Since, DateTimeOffset Until, RulesInForce? Rules);

    private volatile Moment? _now;

    /// <returns>Null if none is in force.</returns>
    public RulesInForce? InForce(DateTimeOffset now)
    {
        if (Rules.Count == 0)
        {
            return null;
        }

        if (_now is { } known && known.Since <= now && now < known.Until)
        {
            return known.Rules;
        }

        StoredRule[] active = [.. Rules.Where(rule => rule.IsInForce(now))];
        DateTimeOffset until = Rules.SelectMany(rule => new[] { rule.From, rule.Until }).OfType<DateTimeOffset>().Where(time => time > now).DefaultIfEmpty(DateTimeOffset.MaxValue).Min();
        string fingerprint = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', active.Select(rule => rule.Json))))[..16]);
        RulesInForce? rules = active.Length == 0 ? null : new RulesInForce([.. active.Select(rule => rule.Effects)], fingerprint);
        _now = new Moment(now, until, rules);
        return rules;
    }

    /// <summary>The document as stored in Redis and shown by <c>GET /rules</c>.</summary>
    public byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(new JsonObject
    {
        ["version"] = Version,
        ["rules"] = new JsonArray([.. Rules.Select(Shown)]),
    }, ApiJson.Default.JsonObject);

    /// <exception cref="InvalidDataException">Not written by <see cref="Write"/>, or written by a later release.</exception>
    public static RuleSet Read(byte[] stored)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(stored);
            BodyFields body = BodyFields.Parse(document.RootElement.Clone());
            long version = body.OptionalInt64("version") ?? 0;
            StoredRule[] rules = RequestReader.Rules(body);
            return body.Errors.Count == 0 ? new RuleSet(version, rules) : throw new InvalidDataException(body.Errors[0].Msg);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException(e.Message, e);
        }
    }

    // Writes times in one format, regardless of the format received.
    private static JsonNode Shown(StoredRule rule)
    {
        JsonNode json = JsonNode.Parse(rule.Json)!;
        foreach ((string name, DateTimeOffset? time) in new[] { ("from", rule.From), ("until", rule.Until) })
        {
            if (time is { } known)
            {
                json[name] = known.UtcDateTime;
            }
        }

        return json;
    }
}

/// <summary>
/// The rules: one document in Redis, which every replica follows.
/// </summary>
internal sealed class RuleStore(StoreHealth health, TimeProvider time, ILogger<RuleStore> logger, IConnectionMultiplexer? redis = null) : BackgroundService
{
    public const string Key = "nanorecsys:rules";
    private static readonly RedisChannel Channel = RedisChannel.Literal("nanorecsys:rules:notices");

    private readonly Lock _taking = new();
    private volatile RuleSet _current = RuleSet.Empty;
    private RedisValue _document; // of the current rules
    private long _taken; // when the current rules were taken

    public RuleSet Current => _current;

    /// <inheritdoc cref="RuleSet.InForce"/>
    public RulesInForce? InForce => _current.InForce(time.GetUtcNow());

    /// <summary>Replaces a version's rules, on every replica at once.</summary>
    /// <returns>Null if the stored version is a different one.</returns>
    /// <exception cref="EventStoreException">Redis is unavailable, slow, full or refuses writes, or the stored rules are damaged.</exception>
    public async Task<RuleSet?> ReplaceAsync(long version, IReadOnlyList<StoredRule> rules)
    {
        IDatabase database = redis?.GetDatabase() ?? throw new EventStoreException("No store for rules is configured. Set ConnectionStrings__cache to a Redis that keeps its data.");
        try
        {
            RedisValue before = await database.StringGetAsync(Key);
            RuleSet known = before.IsNull ? RuleSet.Empty : RuleSet.Read((byte[])before!);
            Take(known, before, long.MaxValue);
            if (known.Version != version)
            {
                return null;
            }

            var next = new RuleSet(version + 1, rules);
            RedisValue document = next.Write();
            ITransaction transaction = database.CreateTransaction();
            transaction.AddCondition(before.IsNull ? StackExchange.Redis.Condition.KeyNotExists(Key) : StackExchange.Redis.Condition.StringEqual(Key, before));
            Task[] all = [transaction.StringSetAsync(Key, document), transaction.PublishAsync(Channel, document)];
            if (!await transaction.ExecuteAsync())
            {
                return null;
            }

            await Task.WhenAll(all);
            health.ReportWritten();
            Take(next, document, long.MaxValue);
            return next;
        }
        catch (InvalidDataException e)
        {
            throw new EventStoreException($"The stored rules are damaged: {e.Message}. Delete them (DEL {Key}), then send all rules again with version 0.", e);
        }
        catch (Exception e) when (RedisFailure.Is(e) || e is OperationCanceledException)
        {
            throw await EventStoreException.FromAsync(e, isRefused: e is RedisServerException, health, database);
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => redis is null ? Task.CompletedTask : StoreWatch.RunAsync(
        redis, Channel, TakeNotice, LookAsync,
        (level, reason) => logger.Log(level, "The rules cannot be read, version {Version} stays in force: {Reason}", _current.Version, reason),
        stoppingToken);

    private async Task LookAsync(IDatabase database)
    {
        long asked = Stopwatch.GetTimestamp();
        RedisValue stored = await database.StringGetAsync(Key);
        Take(stored.IsNull ? RuleSet.Empty : RuleSet.Read((byte[])stored!), stored, asked);
    }

    private void TakeNotice(RedisValue document)
    {
        try
        {
            RuleSet noticed = RuleSet.Read((byte[])document!);
            if (noticed.Version > _current.Version)
            {
                Take(noticed, document, long.MaxValue);
            }
        }
        catch (InvalidDataException e)
        {
            logger.LogDebug("A notice of rules was damaged: {Reason}", e.Message);
        }
    }

    // A document requested before the last change may be older than that change.
    private void Take(RuleSet rules, RedisValue document, long asked)
    {
        lock (_taking)
        {
            if (asked > _taken && document != _document)
            {
                (_current, _document, _taken) = (rules, document, Stopwatch.GetTimestamp());
            }
        }
    }
}
