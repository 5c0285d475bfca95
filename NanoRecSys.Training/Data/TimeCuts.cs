using NanoRecSys.Core.Data;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Data;

/// <summary>The two moments at which a split by time divides all users' histories alike.</summary>
/// <param name="ValidationFrom">What came before trains; validation begins here.</param>
/// <param name="TestFrom">The test begins here.</param>
public sealed record TimeCuts(long ValidationFrom, long TestFrom)
{
    /// <summary>Holds the latest share of all interactions out: the earlier half of it validates, the later half tests.</summary>
    /// <param name="histories">With times.</param>
    /// <param name="heldOut">Between 0 and 1.</param>
    /// <exception cref="UserErrorException">Too many interactions have the same time.</exception>
    public static TimeCuts At(UserHistories histories, double heldOut)
    {
        ArgumentNullException.ThrowIfNull(histories);
        long[] times = histories.Times.ToArray();
        Array.Sort(times);
        long Quantile(double share) => times[Math.Clamp((int)(share * times.Length), 0, times.Length - 1)];
        var cuts = new TimeCuts(Quantile(1 - heldOut), Quantile(1 - heldOut / 2));
        return times[0] < cuts.ValidationFrom && cuts.ValidationFrom < cuts.TestFrom
            ? cuts
            : throw new UserErrorException(
                $"The timestamps, {times[0]} to {times[^1]}, do not tell a validation and a test part from the rest: too many are equal. Use --split leave-one-out.");
    }
}
