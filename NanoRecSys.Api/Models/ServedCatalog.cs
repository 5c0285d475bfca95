using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Api.Models;

/// <summary>All movies of one request: the model's, and behind them those that were added since.</summary>
public sealed record ServedCatalog(ModelSnapshot Model, NewItems News)
{
    /// <summary>V + N rows.</summary>
    public int Count => News.Index.Count;

    public bool TryFind(int movieId, out int row)
    {
        bool found = Model.Catalog.TryFind(new ItemId(movieId), out ItemIndex index);
        row = index.Value;
        return found || News.TryFind(movieId, out row);
    }

    /// <summary>Whether the user tower can read it: it knows what it was trained on.</summary>
    public bool IsRead(int row) => row < Model.Catalog.Count;

    public CatalogItem ItemAt(int row) => IsRead(row) ? Model.Catalog.Items[row] : News.At(row);

    public MovieInfo MovieAt(int row) => ItemAt(row).ToMovieInfo();

    /// <summary>[D], of length 1.</summary>
    public ReadOnlySpan<float> EmbeddingOf(int row) => IsRead(row) ? Model.Items.Row(row) : News.EmbeddingOf(row);
}
