namespace NanoRecSys.Web.Components.Recommend;

/// <summary>How an item's rank changed between two lists.</summary>
/// <param name="IsNew">Whether it was not in the previous list.</param>
/// <param name="Places">How far it rose; negative if it fell.</param>
public sealed record RankMove(bool IsNew, int Places)
{
    /// <summary>Visible form: new, ▲ 2, ▼ 1.</summary>
    public string Sign => IsNew ? "new" : Places > 0 ? $"▲ {Places}" : $"▼ {-Places}";

    /// <summary>For screen readers.</summary>
    public string InWords => IsNew ? "new in the list" : Places > 0 ? $"up by {Places}" : $"down by {-Places}";

    /// <param name="rank">Its current place, from 0.</param>
    /// <param name="before">The previous list; null if there is none.</param>
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
