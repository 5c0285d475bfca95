using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Models;

/// <summary>
/// Items that entered the catalogue after the training, placed among the others by the content map. Their rows go
/// on where the model's end, so that one list of candidates holds both. Immutable; made again when an item comes.
/// </summary>
public sealed class NewItems
{
    private readonly IReadOnlyList<CatalogItem> _items;
    private readonly FlatIndex? _index; // null where there are none, or nothing to place them with

    private NewItems(int firstRow, IReadOnlyList<CatalogItem> items, FlatIndex? index) =>
        (FirstRow, _items, _index) = (firstRow, items, index);

    /// <summary>V, the row of the first one.</summary>
    public int FirstRow { get; }

    public int Count => _items.Count;

    /// <param name="model">Whose catalogue they join; without a content map they are in the catalogue, and never retrieved.</param>
    /// <param name="items">Oldest first; index and count are set here, movies that the model knows already are left out.</param>
    public static NewItems Place(ModelSnapshot model, IEnumerable<CatalogItem> items)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(items);
        int first = model.Catalog.Count;
        CatalogItem[] placed = [.. items
            .Where(item => !model.Catalog.TryFind(new ItemId(item.MovieId), out _))
            .Select((item, place) => item with { Index = first + place, Count = 0 })];
        if (placed.Length == 0 || model.ContentMap is not { } map)
        {
            return new NewItems(first, placed, null);
        }

        float[] embeddings = [.. placed.SelectMany(item => map.Embed(item.Title, item.Year, item.Genres))]; // [N, D]
        return new NewItems(first, placed, new FlatIndex(embeddings, map.Dimension));
    }

    /// <summary>Is this the row of a new item?</summary>
    public bool Holds(int row) => row >= FirstRow && row < FirstRow + Count;

    public CatalogItem At(int row) => _items[row - FirstRow];

    /// <summary>[D] estimated from what is known of the item, of length 1.</summary>
    public ReadOnlySpan<float> EmbeddingOf(int row) =>
        _index!.Vectors.Slice((row - FirstRow) * _index.Dimension, _index.Dimension);

    /// <param name="user">[D]</param>
    /// <param name="seen">Rows that the user has had; those of trained items are ignored.</param>
    /// <param name="most">Candidates at most.</param>
    /// <returns>The nearest new items that the user has not seen, nearest first, by their rows in the whole catalogue.</returns>
    public Candidate[] Nearest(float[] user, IEnumerable<int> seen, int most)
    {
        if (_index is null)
        {
            return [];
        }

        var excluded = new RowSet(Count);
        excluded.AddRange([.. seen.Where(Holds).Select(row => row - FirstRow)]);
        var nearest = new Candidate[Math.Min(most, Count)];
        int found = _index.Search(user, excluded, nearest);
        return [.. nearest[..found].Select(candidate => candidate with { Row = candidate.Row + FirstRow })];
    }
}
