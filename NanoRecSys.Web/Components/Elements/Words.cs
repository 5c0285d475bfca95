namespace NanoRecSys.Web.Components.Elements;

/// <summary>What the pages call an item and what is done with it: the data's own word.</summary>
/// <param name="One">Such as <c>film</c>.</param>
/// <param name="Many">Such as <c>films</c>.</param>
public sealed record Words(string One, string Many)
{
    public static Words Default { get; } = new(ItemWord.Item.Singular, ItemWord.Item.Plural);

    /// <summary>Whether such items are watched, which has a word of its own.</summary>
    private bool IsWatched => One.ToLowerInvariant() is "film" or "movie" or "video" or "show" or "series" or "episode";

    public string Add => IsWatched ? "Mark as watched" : "Add to history"; // what a card's button says
    public string EventType => IsWatched ? "watch" : "view"; // the type of the event that it stores

    public static Words Of(CatalogOverview? catalog) => catalog is null ? Default : new Words(catalog.Word.Singular, catalog.Word.Plural);

    /// <summary>1 film, 9,066 films.</summary>
    public string Count(long number) => $"{number:N0} {(number == 1 ? One : Many)}";

    /// <summary>With a capital, at the beginning of a sentence.</summary>
    public static string Capital(string word) => word.Length == 0 ? word : char.ToUpperInvariant(word[0]) + word[1..];
}

public static class ItemWords
{
    /// <summary>The year of the item, which distinguishes it from others of the same title; null where it has none.</summary>
    public static string? Year(ItemInfo item) =>
        item.Attributes?.TryGetValue("year", out AttributeValue year) == true && year.Kind == AttributeKind.Number ? Text.Css(year.Number) : null;

    /// <summary>One line below a title: the year, else the first attribute that fits, and some categories.</summary>
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
        AttributeKind.Time => Date(value),
        _ => string.Join(", ", value.Texts),
    };

    /// <summary>2026-01-31</summary>
    public static string Date(AttributeValue time) => DateTimeOffset.FromUnixTimeSeconds((long)time.Number).ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture);
}
