namespace NanoRecSys.Web.Components.Elements;

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
        AttributeKind.Time => Date(value),
        _ => string.Join(", ", value.Texts),
    };

    /// <summary>2026-01-31</summary>
    public static string Date(AttributeValue time) => DateTimeOffset.FromUnixTimeSeconds((long)time.Number).ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture);
}
