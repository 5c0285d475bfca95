using NanoRecSys.Core.Data;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Import;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Models;

/// <summary>
/// <c>items.txt</c> beside an imported retriever: the movie ids of its rows. Other data, or the same in another order,
/// may have as many items and still not be what it was trained on.
/// </summary>
internal static class RetrieverItems
{
    public const string FileName = "items.txt";

    public static void Write(string retrieverFolder, IEnumerable<int> movieIds) => ItemMapFile.Write(Path.Combine(retrieverFolder, FileName), movieIds);

    public static void Forget(string retrieverFolder) => File.Delete(Path.Combine(retrieverFolder, FileName));

    /// <exception cref="UserErrorException">The retriever's rows are not the catalog's.</exception>
    public static void Require(string retrieverFolder, int items, Catalog catalog)
    {
        if (items != catalog.Count)
        {
            throw new UserErrorException($"The retriever was trained on {items} items, the prepared data has {catalog.Count}. Run 'train-retriever' or 'import' again.");
        }

        string path = Path.Combine(retrieverFolder, FileName);
        if (File.Exists(path) && !ItemMapFile.Read(path).SequenceEqual(MovieIds(catalog)))
        {
            throw new UserErrorException($"The prepared data's items are not those of the imported retriever ({path}), or stand in another order. Run 'import' with its --item-map again.");
        }
    }

    /// <summary>The movie ids of the retriever's rows: as it was imported with, else the prepared data's, where there is any.</summary>
    /// <exception cref="UserErrorException">The prepared data has other items.</exception>
    public static async Task<IEnumerable<int>?> FindAsync(Workspace workspace, int items, CancellationToken cancellation)
    {
        string imported = Path.Combine(workspace.RetrieverFolder, FileName);
        string prepared = Path.Combine(workspace.DataFolder, PreparedData.CatalogName);
        if (File.Exists(imported) || !File.Exists(prepared))
        {
            return File.Exists(imported) ? ItemMapFile.Read(imported) : null;
        }

        Catalog catalog = await CatalogFile.ReadAsync(prepared, cancellation);
        Require(workspace.RetrieverFolder, items, catalog);
        return MovieIds(catalog);
    }

    public static IEnumerable<int> MovieIds(Catalog catalog) => catalog.Items.Select(item => item.MovieId);
}
