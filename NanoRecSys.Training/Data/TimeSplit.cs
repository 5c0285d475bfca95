using NanoRecSys.Core.Data;

namespace NanoRecSys.Training.Data;

/// <summary>
/// A global split by time: nothing of the future trains. A user's first item of the validation period is the
/// validation target, the first of the test period the test target, each predicted from all that the user had
/// before it. Who has no item there, or none before it, is not asked about; what else a user has in those periods
/// is history for a later target, and does not train.
/// </summary>
/// <param name="histories">With times, which do not fall within a user.</param>
/// <param name="cuts">Where the periods begin.</param>
public sealed class TimeSplit(UserHistories histories, TimeCuts cuts) : DataSplit(histories)
{
    public const string SplitName = "time";

    public override string Name => SplitName;

    protected override int TrainLength(int user) => CountBefore(cuts.ValidationFrom, Times(user));

    protected override int TargetPosition(int user, HeldOut part)
    {
        ReadOnlySpan<long> times = Times(user);
        int position = CountBefore(part == HeldOut.Test ? cuts.TestFrom : cuts.ValidationFrom, times);
        bool isInPeriod = position < times.Length && (part == HeldOut.Test || times[position] < cuts.TestFrom);
        return isInPeriod && position > 0 ? position : -1;
    }

    private static int CountBefore(long moment, ReadOnlySpan<long> times)
    {
        (int low, int high) = (0, times.Length);
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = times[middle] < moment ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
