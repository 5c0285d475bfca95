using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Models;

/// <summary>
/// Items that entered the catalogue after the training, placed among the others by the content map. Their rows go
/// on where the model's end, so that one search finds both. Immutable; made again when an item comes.
/// </summary>
public sealed class NewItems
{
    private readonly IReadOnlyList<CatalogItem> _items;
    private readonly float[] _embeddings; // [N, D]

    private readonly Dictionary<int, int> _rowOfMovie;

    private NewItems(IVectorIndex index, int firstRow, IReadOnlyList<CatalogItem> items, float[] embeddings)
    {
        (Index, FirstRow, _items, _embeddings) = (index, firstRow, items, embeddings);
        _rowOfMovie = items.ToDictionary(item => item.MovieId, item => item.Index);
    }

    /// <summary>Of all V + N rows, the model's and then the new ones.</summary>
    public IVectorIndex Index { get; }

    /// <summary>V, the row of the first one.</summary>
    public int FirstRow { get; }

    /// <summary>N; 0 where the version has no content map to place them with.</summary>
    public int Count => _items.Count;

    /// <param name="model">Whose catalogue they join.</param>
    /// <param name="items">Oldest first; index and count are set here. Movies that the model knows already are left out.</param>
    public static NewItems Place(ModelSnapshot model, IEnumerable<CatalogItem> items)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(items);
        int first = model.Catalog.Count;
        CatalogItem[] placed = model.ContentMap is null ? [] : [.. items
            .Where(item => !model.Catalog.TryFind(new ItemId(item.MovieId), out _))
            .Select((item, place) => item with { Index = first + place, Count = 0, Genres = SpeltAs(model, item.Genres) })];
        float[] embeddings = [.. placed.SelectMany(item => model.ContentMap!.Embed(item.Title, item.Year, item.Genres))];
        return new NewItems(placed.Length == 0 ? model.Index : ExtendedIndex.Add(model.Index, embeddings), first, placed, embeddings)
        {
            Source = items as IReadOnlyList<CatalogItem>,
        };
    }

    // The model's features know a genre by its spelling.
    private static string[] SpeltAs(ModelSnapshot model, IReadOnlyList<string> genres) =>
        [.. genres.Select(genre => model.Genres.TryGetValue(genre, out string? known) ? known : genre).Distinct()];

    /// <summary>What the items were placed from: the same list makes the same rows.</summary>
    internal IReadOnlyList<CatalogItem>? Source { get; init; }

    /// <summary>The row of a new movie.</summary>
    public bool TryFind(int movieId, out int row) => _rowOfMovie.TryGetValue(movieId, out row);

    /// <summary>Is this the row of a new item?</summary>
    public bool Holds(int row) => row >= FirstRow && row < FirstRow + Count;

    public CatalogItem At(int row) => _items[row - FirstRow];

    /// <summary>[D] estimated from what is known of the item, of length 1.</summary>
    public ReadOnlySpan<float> EmbeddingOf(int row) => _embeddings.AsSpan((row - FirstRow) * Index.Dimension, Index.Dimension);
}
