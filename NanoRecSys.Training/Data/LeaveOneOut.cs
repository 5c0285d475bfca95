using NanoRecSys.Core.Data;

namespace NanoRecSys.Training.Data;

/// <summary>
/// Leave-one-out: a user's last item is the test target, the one before it the validation target, the rest
/// trains. Users with fewer than three items only train.
/// </summary>
public sealed class LeaveOneOut(UserHistories histories) : DataSplit(histories)
{
    public const string SplitName = "leave-one-out";
    private const int FewestItems = 3;

    public override string Name => SplitName;

    protected override int TrainLength(int user)
    {
        int length = Items(user).Length;
        return length < FewestItems ? length : length - 2;
    }

    protected override int TargetPosition(int user, HeldOut part)
    {
        int length = Items(user).Length;
        return length < FewestItems ? -1 : length - (part == HeldOut.Test ? 1 : 2);
    }
}
