namespace NanoRecSys.Web.Components.Elements;

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
