using System.Runtime.InteropServices;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Training.Data;

/// <summary>Gives each movie its row of the item table: the order of first appearance in the file, unless it is given.</summary>
internal static class ItemRows
{
    /// <param name="interactions">With movie ids.</param>
    /// <param name="order">The ids of the first rows, each once; others follow as they appear.</param>
    /// <returns>The interactions with rows for movie ids, and [V] the id of each row.</returns>
    public static (InteractionTable Interactions, int[] MovieIds) Assign(InteractionTable interactions, IReadOnlyList<int>? order = null)
    {
        Dictionary<int, int> rows = (order ?? []).Select((id, row) => (id, row)).ToDictionary(item => item.id, item => item.row);
        var table = new InteractionTable(interactions.Count);
        for (int i = 0; i < interactions.Count; i++)
        {
            Interaction interaction = interactions[i];
            ref int row = ref CollectionsMarshal.GetValueRefOrAddDefault(rows, interaction.ItemId, out bool isThere);
            row = isThere ? row : rows.Count - 1;
            table.Add(interaction with { ItemId = row });
        }

        int[] ids = new int[rows.Count];
        foreach ((int id, int row) in rows)
        {
            ids[row] = id;
        }

        return (table, ids);
    }
}
