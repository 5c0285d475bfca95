using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Training.Export;

/// <summary>Items without a name and random histories: enough to compare an imported network with its graph where no data is prepared.</summary>
internal static class InventedData
{
    /// <summary>V items of which nothing is known.</summary>
    public static Catalog Catalog(ModelInfo model) =>
        new([.. Enumerable.Range(0, model.Items).Select(row => new CatalogItem(row, row, $"{row}", null, [], 0))]);

    /// <summary>Histories of 1 to L items, all equally likely.</summary>
    public static UserHistories Histories(ModelInfo model, int count, long seed)
    {
        var random = new Random(unchecked((int)seed));
        var offsets = new long[count + 1];
        var items = new List<int>();
        for (int user = 0; user < count; user++)
        {
            int length = random.Next(1, model.MaxLength + 1);
            items.AddRange(Enumerable.Range(0, length).Select(_ => random.Next(model.Items)));
            offsets[user + 1] = items.Count;
        }

        return new UserHistories([.. Enumerable.Range(0, count)], offsets, [.. items]);
    }
}
