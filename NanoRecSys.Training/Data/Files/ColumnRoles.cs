using System.Text.RegularExpressions;

namespace NanoRecSys.Training.Data.Files;

internal enum Role
{
    User,
    Item,
    Time,
    Weight,
    Event,
}

/// <param name="Names">An empty name leaves the role without a column. A number that is not a column's name is a position, counted from 1.</param>
internal sealed record ColumnOptions(IReadOnlyDictionary<Role, string> Names)
{
    /// <param name="text">Such as <c>user=visitorid,item=itemid,time=</c>; null for none.</param>
    public static ColumnOptions Parse(string? text)
    {
        var names = new Dictionary<Role, string>();
        foreach (string part in text?.Split(',') ?? [])
        {
            string[] pair = part.Split('=', 2);
            if (pair.Length != 2 || !Enum.TryParse(pair[0].Trim(), ignoreCase: true, out Role role) || char.IsAsciiDigit(pair[0].Trim()[0]) || !names.TryAdd(role, pair[1].Trim()))
            {
                throw new UserErrorException(
                    $"--columns: '{part}' must be user=NAME, item=NAME, time=NAME, weight=NAME or event=NAME, each once and separated by commas.");
            }
        }

        return new ColumnOptions(names);
    }
}

/// <summary>The columns of a file of interactions, by their positions; -1 for none.</summary>
internal sealed record ColumnRoles(int User, int Item, int Time = -1, int Weight = -1, int Event = -1)
{
    // Compared without case, spaces and punctuation.
    private static readonly Dictionary<Role, string[]> Aliases = new()
    {
        [Role.User] =
        [
            "userid", "user", "uid", "userno", "visitorid", "visitor", "reviewerid", "reviewer", "customerid", "customer", "custid", "memberid", "member",
            "clientid", "client", "accountid", "account", "buyerid", "shopperid", "subscriberid", "listenerid", "readerid", "playerid", "personid", "profileid",
            "fullvisitorid", "userpseudoid", "anonymousid", "userhash", "useruuid",
        ],
        [Role.Item] =
        [
            "itemid", "item", "iid", "movieid", "movie", "filmid", "parentasin", "asin", "articleid", "article", "productid", "product", "sku", "skuid", "productsku", "goodsid",
            "businessid", "isbn", "bookid", "animeid", "artistid", "trackid", "songid", "albumid", "videoid", "newsid", "contentid", "documentid", "docid",
            "postid", "gameid", "appid", "recipeid", "courseid", "jobid", "listingid", "offerid", "venueid", "poiid", "restaurantid",
            "hotelid", "gmapid", "stockcode", "showid", "podcastid", "itemhash", "itemuuid",
        ],
        [Role.Time] =
        [
            "timestamp", "ts", "time", "datetime", "date", "eventtime", "eventtimestamp", "tdat", "unixreviewtime", "unixtime", "createdat", "created", "creationtime",
            "occurredat", "interactiontime", "ratingtimestamp", "viewedat", "purchasedat", "playedat", "purchasedate", "orderdate", "invoicedate", "reviewdate", "dateadded", "timestampms", "epoch",
        ],
        [Role.Weight] =
        [
            "rating", "ratings", "weight", "value", "count", "score", "stars", "star", "overall", "bookrating", "userrating", "starrating", "reviewrating", "eventvalue", "playcount", "plays", "listens",
            "listencount", "quantity", "qty", "strength", "preference",
        ],
        [Role.Event] =
        [
            "event", "eventtype", "eventname", "behaviortype", "behaviourtype", "behavior", "behaviour", "action", "actiontype", "interactiontype", "interaction", "feedbacktype",
        ],
    };

    private static readonly Dictionary<Role, string> Words = new()
    {
        [Role.User] = "users",
        [Role.Item] = "items",
        [Role.Time] = "times",
        [Role.Weight] = "weights",
        [Role.Event] = "event types",
    };

    public int ColumnOf(Role role) => role switch { Role.User => User, Role.Item => Item, Role.Time => Time, Role.Weight => Weight, _ => Event };

    /// <summary>Whether these cells are names of user or item columns. A single usual name next to numbers may also be a value.</summary>
    public static bool IsHeader(IReadOnlyCollection<string> cells, ColumnOptions options)
    {
        bool hasUser = cells.Any(cell => Aliases[Role.User].Contains(Plain(cell)));
        bool hasItem = cells.Any(cell => Aliases[Role.Item].Contains(Plain(cell)));
        return (hasUser && hasItem) || (cells.All(cell => Content.KindOf([cell]) is ContentKind.Text or ContentKind.Empty)
            && (hasUser || hasItem || cells.Any(cell => cell.Length > 0 && options.Names.Values.Contains(cell, StringComparer.OrdinalIgnoreCase))));
    }

    /// <summary>Number of cells that are usual column names.</summary>
    public static int CountKnown(IEnumerable<string> cells) => cells.Count(cell => Aliases.Values.Any(names => names.Contains(Plain(cell))));

    /// <summary>Whether a table may contain interactions, judged by its column names alone.</summary>
    public static bool NamesUsers(DataTable table, ColumnOptions options) => options.Names.TryGetValue(Role.User, out string? user)
        ? int.TryParse(user, CultureInfo.InvariantCulture, out _) || table.Columns.Contains(user, StringComparer.OrdinalIgnoreCase)
        : table.Columns.Any(column => Aliases[Role.User].Contains(Plain(column)));

    public static int FindItem(DataTable table, ColumnOptions options) => Find(table, Role.Item, options, required: false);

    /// <summary>The columns of a file with a header, or of a file without one whose values allow only one reading.</summary>
    public static ColumnRoles Of(DataTable table, ColumnOptions options)
    {
        if (!table.HasHeader && options.Names.Count == 0)
        {
            return Guess(table);
        }

        int Of(Role role) => Find(table, role, options, required: options.Names.ContainsKey(role));
        var roles = new ColumnRoles(Of(Role.User), Of(Role.Item), Of(Role.Time), Of(Role.Weight), Of(Role.Event));
        int[] taken = [.. Enum.GetValues<Role>().Select(roles.ColumnOf).Where(column => column >= 0)];
        return taken.Distinct().Count() == taken.Length ? roles : throw new UserErrorException("--columns gives one column two roles. Name another column for one of them.");
    }

    public void Require(DataTable table)
    {
        UserErrorException.ThrowIf(table.IsMap, $"{table.File.Name} is one JSON object, not rows. Write an array of objects, or an object in each line, such as {{\"user_id\": 1, \"item_id\": 2}}.");
        foreach (Role role in new[] { Role.User, Role.Item })
        {
            UserErrorException.ThrowIf(ColumnOf(role) < 0,
                $"{table.File.Name} has no column with a usual name for {Words[role]} among {string.Join(", ", table.Columns)}. Name it: --columns {role.ToString().ToLowerInvariant()}=COLUMN.");
            UserErrorException.ThrowIf(table.IsNested(ColumnOf(role)),
                $"The column {table.Columns[ColumnOf(role)]} of {table.File.Name} has objects or lists, but ids are numbers or strings. Write the id into a column of its own, or name another column: --columns {role.ToString().ToLowerInvariant()}=COLUMN.");
        }
    }

    private static int Find(DataTable table, Role role, ColumnOptions options, bool required)
    {
        string option = role.ToString().ToLowerInvariant();
        if (options.Names.TryGetValue(role, out string? name))
        {
            int position = name.Length == 0 ? -1 : table.Columns.ToList().FindIndex(column => column.Equals(name, StringComparison.OrdinalIgnoreCase));
            if (position < 0 && int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= 1 && number <= table.Columns.Count)
            {
                position = number - 1;
            }

            return position >= 0 || name.Length == 0 || !required ? position
                : throw new UserErrorException($"--columns {option}={name}: {table.File.Name} has the columns {table.Describe()}.");
        }

        int[] found = table.HasHeader
            ? [.. Enumerable.Range(0, table.Columns.Count).Where(i => Aliases[role].Contains(Plain(table.Columns[i])) && !options.Names.Values.Contains(table.Columns[i], StringComparer.OrdinalIgnoreCase))]
            : [];
        if (found is [var a, var b] && new[] { Plain(table.Columns[a]), Plain(table.Columns[b]) }.Order().SequenceEqual(["asin", "parentasin"]))
        {
            return Plain(table.Columns[a]) == "parentasin" ? a : b; // Amazon's variants of one product; the metadata is per parent
        }

        return found switch
        {
            [] => -1,
            [var only] => only,
            _ => throw new UserErrorException(
                $"{table.File.Name} has several columns that could be the {Words[role]}: {string.Join(", ", found.Select(i => table.Columns[i]))}. "
                + $"Name the one to use: --columns {option}={table.Columns[found[0]]}."),
        };
    }

    // user,item | user,item,weight | user,item,time | user,item,weight,time, or the only two columns that can be ids.
    private static ColumnRoles Guess(DataTable table)
    {
        ContentKind[] kinds = [.. Enumerable.Range(0, table.Columns.Count).Select(i => Content.KindOf(table.Sample.Select(row => row[i])))];
        bool startsWithIds = kinds is [ContentKind.Integer or ContentKind.Text or ContentKind.Moment, ContentKind.Integer or ContentKind.Text or ContentKind.Moment, ..];
        switch (kinds)
        {
            case [_, _] when startsWithIds:
                return new ColumnRoles(0, 1);
            case [_, _, ContentKind.Moment or ContentKind.Date] when startsWithIds:
                return new ColumnRoles(0, 1, Time: 2);
            case [_, _, ContentKind.Integer or ContentKind.Decimal] when startsWithIds:
                return new ColumnRoles(0, 1, Weight: 2);
            case [_, _, ContentKind.Integer or ContentKind.Decimal, not ContentKind.Text] when startsWithIds:
                return new ColumnRoles(0, 1, Time: 3, Weight: 2);
        }

        int[] ids = [.. Enumerable.Range(0, kinds.Length).Where(i => kinds[i] is ContentKind.Integer or ContentKind.Text)];
        int[] times = [.. Enumerable.Range(0, kinds.Length).Where(i => kinds[i] is ContentKind.Moment or ContentKind.Date)];
        int[] numbers = [.. Enumerable.Range(0, kinds.Length).Where(i => kinds[i] == ContentKind.Decimal)];
        int time = times is [var moment] ? moment : -1;
        if (ids.Length == 2 && times.Length <= 1)
        {
            return new ColumnRoles(ids[0], ids[1], time, numbers is [var number] ? number : -1);
        }

        throw new UserErrorException(
            $"{table.File.Name} has no header, and its {kinds.Length} columns can be read in several ways: {table.Describe()}. "
            + $"Say by position which is which, for example --columns {Example(table, kinds, ids, time, numbers)}.");
    }

    // A guess for the user to correct.
    private static string Example(DataTable table, ContentKind[] kinds, int[] ids, int time, int[] numbers)
    {
        (int user, int item) = ids is [var first, var second, ..] ? (first, second) : (0, 1);
        int Different(int column) => table.Sample.Select(row => row[column]).Distinct().Count();
        int happened = Array.FindIndex(kinds, kind => kind == ContentKind.Text);
        while (happened >= 0 && (happened == user || happened == item || Different(happened) > 10 || Different(happened) > table.Sample.Count / 2))
        {
            happened = Array.FindIndex(kinds, happened + 1, kind => kind == ContentKind.Text);
        }

        (string Name, int Column)[] roles = [("user", user), ("item", item), ("time", time), ("event", happened), ("weight", numbers is [var number] ? number : -1)];
        return string.Join(',', roles.Where(role => role.Column >= 0).Select(role => $"{role.Name}={role.Column + 1}"));
    }

    /// <summary>A column name without case, spaces and punctuation, as the usual names are listed.</summary>
    public static string Plain(string name) => string.Concat(name.Where(char.IsLetterOrDigit)).ToLowerInvariant();
}

internal enum ContentKind
{
    Empty,
    Integer,
    Decimal,

    /// <summary>An integer that is a time since 1970 in some unit.</summary>
    Moment,

    /// <summary>An ISO date, optionally with a time of day.</summary>
    Date,
    Text,
}

internal static partial class Content
{
    private const long FirstMoment = 500_000_000; // in 1985; smaller numbers are ids, ratings or counts

    [GeneratedRegex(@"^\s*\d{4}[-/]\d{1,2}[-/]\d{1,2}([T ]\d{1,2}:\d{2}.*)?$", RegexOptions.CultureInvariant)]
    private static partial Regex IsoDate();

    public static bool IsDate(string text) => IsoDate().IsMatch(text);

    public static bool IsNumber(string text, out double number) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out number) && double.IsFinite(number);

    public static ContentKind KindOf(IEnumerable<string?> texts)
    {
        var kind = ContentKind.Empty;
        foreach (string? text in texts)
        {
            if (!string.IsNullOrWhiteSpace(text))
            {
                ContentKind one = KindOf(text);
                kind = kind == ContentKind.Empty || kind == one ? one
                    : (kind, one) is (ContentKind.Integer or ContentKind.Moment, ContentKind.Integer or ContentKind.Moment) ? ContentKind.Integer
                    : kind is not (ContentKind.Date or ContentKind.Text) && one is not (ContentKind.Date or ContentKind.Text) ? ContentKind.Decimal
                    : ContentKind.Text;
            }
        }

        return kind;
    }

    private static ContentKind KindOf(string text) =>
        long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out long number) ? number >= FirstMoment ? ContentKind.Moment : ContentKind.Integer
        : IsNumber(text, out _) ? ContentKind.Decimal
        : IsDate(text) ? ContentKind.Date
        : ContentKind.Text;
}
