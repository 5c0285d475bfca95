using System.Text.RegularExpressions;

namespace NanoRecSys.Web.Components.Elements;

public static partial class Text
{
    /// <summary>42 µs, 0.42 ms, 4.20 ms, 42.0 ms, 4.2 s.</summary>
    public static string Milliseconds(double ms) => ms switch
    {
        >= 1000 => $"{ms / 1000:0.0} s",
        >= 100 => $"{ms:0} ms",
        >= 10 => $"{ms:0.0} ms",
        >= 0.0995 or 0 => $"{ms:0.00} ms",
        _ => $"{ms * 1000:0} µs",
    };

    public static string Number(double value) => value switch
    {
        >= 100 or 0 => value.ToString("N0"),
        >= 10 => value.ToString("0.0"),
        _ => value.ToString("0.00"),
    };

    public static string Percent(double share) => share.ToString("0.0%");

    /// <summary>A metric with four decimals, or a dash if it was not measured.</summary>
    public static string Metric(IReadOnlyDictionary<string, double>? metrics, string name) =>
        metrics?.TryGetValue(name, out double value) == true ? value.ToString("0.0000") : "–";

    public static string Bytes(long bytes) => bytes switch
    {
        >= 1 << 20 => $"{bytes / 1048576.0:0.0} MiB",
        >= 1 << 10 => $"{bytes / 1024.0:0.0} KiB",
        _ => $"{bytes} B",
    };

    /// <summary>45 s, 2 min 05 s, 1 h 10 min.</summary>
    public static string Duration(double seconds)
    {
        var span = TimeSpan.FromSeconds(Math.Max(0, Math.Round(seconds)));
        return span switch
        {
            { TotalHours: >= 1 } => $"{(int)span.TotalHours} h {span.Minutes:00} min",
            { TotalMinutes: >= 1 } => $"{span.Minutes} min {span.Seconds:00} s",
            _ => $"{span.Seconds} s",
        };
    }

    /// <summary>A number as CSS and SVG write it.</summary>
    public static string Css(double value) => value.ToString("0.###");

    /// <summary>Seven (a.k.a. Se7en) becomes Seven, for places without space for alternative titles.</summary>
    public static string WithoutOtherNames(string text) => InBrackets().Replace(text, "");

    /// <summary>A short form of a reason; if a title ends in a period, such as R.N., no second one follows.</summary>
    public static string Reason(string text) => TwoStops().Replace(WithoutOtherNames(text), ".");

    [GeneratedRegex(@"(?<!\.)\.\.(?!\.)")]
    private static partial Regex TwoStops();

    [GeneratedRegex(@"\s\([^()]*\)")]
    private static partial Regex InBrackets();
}

/// <summary>The data's word for an item, and the words for adding it to a history.</summary>
/// <param name="One">Such as <c>film</c>.</param>
/// <param name="Many">Such as <c>films</c>.</param>
public sealed record Words(string One, string Many)
{
    public static Words Default { get; } = new(ItemWord.Item.Singular, ItemWord.Item.Plural);

    /// <summary>Whether such items are watched rather than viewed.</summary>
    private bool IsWatched => One.ToLowerInvariant() is "film" or "movie" or "video" or "show" or "series" or "episode";

    public string Add => IsWatched ? "Mark as watched" : "Add to history"; // the label of a card's button
    public string EventType => IsWatched ? "watch" : "view"; // the event type that the button stores

    public static Words Of(CatalogOverview? catalog) => catalog is null ? Default : new Words(catalog.Word.Singular, catalog.Word.Plural);

    /// <summary>1 film, 9,066 films.</summary>
    public string Count(long number) => $"{number:N0} {(number == 1 ? One : Many)}";

    /// <summary>Capitalized, for the beginning of a sentence.</summary>
    public static string Capital(string word) => word.Length == 0 ? word : char.ToUpperInvariant(word[0]) + word[1..];
}

public static class ItemWords
{
    /// <summary>The year of the item, which distinguishes items with the same title; null if it has none.</summary>
    public static string? Year(ItemInfo item) =>
        item.Attributes?.TryGetValue("year", out AttributeValue year) == true && year.Kind == AttributeKind.Number ? Text.Css(year.Number) : null;

    /// <summary>The line below a title: the year or the first suitable attribute, and some categories.</summary>
    public static string Line(ItemInfo item)
    {
        string? first = Year(item) ?? item.Attributes?.Where(attribute => attribute.Value.Kind is AttributeKind.Category or AttributeKind.Number)
            .Select(attribute => attribute.Value.Kind == AttributeKind.Number ? $"{attribute.Key} {Of(attribute.Value)}" : Of(attribute.Value)).FirstOrDefault();
        string categories = string.Join(", ", item.Categories.Take(3));
        return (first, categories) switch
        {
            (null, "") => $"id {item.ItemId}",
            (null, _) => categories,
            (_, "") => first,
            _ => $"{first} · {categories}",
        };
    }

    public static string Of(AttributeValue value) => value.Kind switch
    {
        AttributeKind.Number => Text.Css(value.Number),
        AttributeKind.Time => DateTimeOffset.FromUnixTimeSeconds((long)value.Number).ToString("yyyy-MM-dd"),
        _ => string.Join(", ", value.Texts),
    };
}

/// <summary>A list of items to compare with others.</summary>
/// <param name="Name">Its source.</param>
/// <param name="Note">More about the source.</param>
/// <param name="Items">Best first.</param>
public sealed record NamedList(string Name, string Note, IReadOnlyList<ItemInfo> Items)
{
    public const string Served = "Recommended"; // from all parts of the model, as users get it

    /// <param name="newest">The newest item of a user's history.</param>
    public static IReadOnlyList<NamedList> Of(UserLists lists, ItemInfo? newest = null) => [.. lists.Lists.Select(list => list.Name switch
    {
        "served" => new NamedList(Served, "all parts of the model", list.Items),
        "retriever" => new NamedList($"{Spelled(list.Models is [var kind] ? kind : "retriever")} alone", "nearest to the user embedding", list.Items),
        "item_models" => new NamedList($"{Spelled(string.Join(", ", list.Models))} alone", "item-item model", list.Items),
        "similar" => new NamedList("Similar to the newest", newest is null ? "" : Text.WithoutOtherNames(newest.Title), list.Items),
        _ => new NamedList("Popular", "not in the history yet", list.Items),
    })];

    private static string Spelled(string model) => model switch
    {
        "ease" => "EASE",
        "item-knn" => "Item-kNN",
        _ => Words.Capital(model),
    };
}
