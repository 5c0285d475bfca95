using System.Runtime.InteropServices;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Training.Data;

/// <summary>Gives each movie its row of the item table: the order of first appearance in the file.</summary>
internal static class ItemRows
{
    /// <returns>The interactions with rows for movie ids, and [V] the id of each row.</returns>
    public static (InteractionTable Interactions, int[] MovieIds) Assign(InteractionTable interactions)
    {
        var rows = new Dictionary<int, int>();
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
