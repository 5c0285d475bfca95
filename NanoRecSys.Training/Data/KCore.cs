namespace NanoRecSys.Training.Data;

/// <summary>Drops users and items with fewer than k interactions until none is left.</summary>
public static class KCore
{
    public static InteractionTable Filter(InteractionTable interactions, int k)
    {
        ArgumentNullException.ThrowIfNull(interactions);
        while (k > 1)
        {
            Dictionary<int, int> users = InteractionTable.CountById(interactions.Users);
            Dictionary<int, int> items = InteractionTable.CountById(interactions.Items);
            var kept = new List<int>(interactions.Count);
            for (int i = 0; i < interactions.Count; i++)
            {
                if (users[interactions.Users[i]] >= k && items[interactions.Items[i]] >= k)
                {
                    kept.Add(i);
                }
            }

            if (kept.Count == interactions.Count)
            {
                break;
            }

            interactions = interactions.Take([.. kept]);
        }

        return interactions;
    }
}
