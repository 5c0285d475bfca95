using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Data;

/// <summary>Ratings beside a catalog that was fixed elsewhere, with an imported model.</summary>
internal static class FixedItems
{
    /// <summary>The interactions with items of the catalog.</summary>
    /// <exception cref="UserErrorException">There is none.</exception>
    public static InteractionTable Keep(InteractionTable interactions, IReadOnlyList<int> movieIds)
    {
        HashSet<int> known = [.. movieIds];
        var positions = new List<int>(interactions.Count);
        for (int i = 0; i < interactions.Count; i++)
        {
            if (known.Contains(interactions.Items[i]))
            {
                positions.Add(i);
            }
        }

        return positions.Count > 0
            ? interactions.Take([.. positions])
            : throw new UserErrorException("No rated movie stands in the item map. Is it of this data, with its movie ids?");
    }

    /// <param name="movieIds">The catalog's.</param>
    /// <param name="read">All interactions.</param>
    /// <param name="kept">Those that are left.</param>
    public static ItemOrderSummary Compare(IReadOnlyList<int> movieIds, InteractionTable read, InteractionTable kept)
    {
        Dictionary<int, int> unknown = InteractionTable.CountById(read.Items);
        foreach (int id in movieIds)
        {
            unknown.Remove(id);
        }

        int rated = InteractionTable.CountById(kept.Items).Count;
        return new ItemOrderSummary(movieIds.Count - rated, unknown.Count, unknown.Values.Sum(count => (long)count));
    }
}
