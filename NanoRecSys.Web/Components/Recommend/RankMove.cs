namespace NanoRecSys.Web.Components.Recommend;

/// <summary>How an item's rank changed between two lists.</summary>
/// <param name="IsNew">It was not in the list before.</param>
/// <param name="Places">How far it rose; negative if it fell.</param>
public sealed record RankMove(bool IsNew, int Places)
{
    /// <summary>For the eye: new, ▲ 2, ▼ 1.</summary>
    public string Sign => IsNew ? "new" : Places > 0 ? $"▲ {Places}" : $"▼ {-Places}";

    /// <summary>For the ear.</summary>
    public string InWords => IsNew ? "new in the list" : Places > 0 ? $"up by {Places}" : $"down by {-Places}";

    /// <param name="rank">Its place now, from 0.</param>
    /// <param name="before">The list before; null if there is none.</param>
    /// <returns>Null if it did not move.</returns>
    public static RankMove? Of(EntityId item, int rank, IReadOnlyList<EntityId>? before)
    {
        if (before is null)
        {
            return null;
        }

        int was = before.ToList().IndexOf(item);
        return was < 0 ? new RankMove(true, 0) : was == rank ? null : new RankMove(false, was - rank);
    }
}
