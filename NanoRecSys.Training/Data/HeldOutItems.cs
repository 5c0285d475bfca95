namespace NanoRecSys.Training.Data;

/// <summary>A user's last interaction with a held-out item.</summary>
/// <param name="Known">Number of the user's earlier interactions with other items.</param>
internal sealed record HeldOutItemCase(EntityId UserId, int Known, EntityId ItemId);

/// <summary>Items that <c>prepare --new-items</c> removes from the data entirely, with all their interactions, as if they did not exist yet:
/// an honest test of how new items are handled. Stored as <c>held_out_items.json</c> next to the prepared data.</summary>
/// <param name="Items">Their metadata; training never sees them.</param>
/// <param name="Cases">At most one per user, who must have an earlier history.</param>
internal sealed record HeldOutItems(IReadOnlyList<CatalogItem> Items, IReadOnlyList<HeldOutItemCase> Cases)
{
    public const string FileName = "held_out_items.json";

    public static (InteractionTable Kept, HeldOutItems HeldOut) Draw(InteractionTable interactions, double share, Random random, IReadOnlyList<CatalogItem> items)
    {
        int[] ids = interactions.ItemIds.Sort(InteractionTable.CountById(interactions.Items).Keys);
        random.Shuffle(ids);
        int[] drawn = ids[..(int)Math.Round(share * ids.Length)];
        UserErrorException.ThrowIf(drawn.Length == 0, $"--new-items {share} of {ids.Length} items is less than one item. Use a larger share.");

        HashSet<int> isHeldOut = [.. drawn];
        int[] kept = [.. Enumerable.Range(0, interactions.Count).Where(row => !isHeldOut.Contains(interactions.Items[row]))];
        UserErrorException.ThrowIf(kept.Length == 0, $"No interaction is left after --new-items {share}. Use a smaller share.");

        List<HeldOutItemCase> cases = Find(UserOrder.Sort(interactions).Sorted, isHeldOut);
        UserErrorException.ThrowIf(cases.Count == 0, $"No user had another item before one of the {drawn.Length} that --new-items {share} removes. Use a larger share.");

        Catalog catalog = CatalogBuilder.Build(interactions.ItemIds.Typed(drawn.Select(code => interactions.ItemIds[code])), new int[drawn.Length], items);
        return (interactions.Take(kept), new HeldOutItems(catalog.Items, cases));
    }

    public void Write(string folder) => TrainingJson.Write(Path.Combine(folder, FileName), this);

    public static HeldOutItems Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        return TrainingJson.Read<HeldOutItems>(path)
            ?? throw new UserErrorException($"There is no {path}. Run 'prepare' with --new-items and train again: this evaluation needs items that training has not seen.");
    }

    private static List<HeldOutItemCase> Find(InteractionTable sorted, HashSet<int> isHeldOut)
    {
        var cases = new List<HeldOutItemCase>();
        HeldOutItemCase? last = null;
        int known = 0;
        for (int row = 0; row < sorted.Count; row++)
        {
            if (row > 0 && sorted.Users[row] != sorted.Users[row - 1])
            {
                End();
            }

            if (!isHeldOut.Contains(sorted.Items[row]))
            {
                known++;
            }
            else if (known > 0)
            {
                last = new HeldOutItemCase(sorted.UserIds[sorted.Users[row]], known, sorted.ItemIds[sorted.Items[row]]);
            }
        }

        End();
        return cases;

        void End()
        {
            if (last is not null)
            {
                cases.Add(last);
            }

            (last, known) = (null, 0);
        }
    }
}
