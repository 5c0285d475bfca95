using NanoRecSys.Core.Data;

namespace NanoRecSys.Training.Data;

public enum HeldOut
{
    Validation,
    Test,
}

/// <summary>
/// Leave-one-out: a user's last item is the test target, the one before it the validation target, the rest
/// trains. Users with fewer than three items only train.
/// </summary>
public sealed class LeaveOneOut(UserHistories histories)
{
    private const int FewestItems = 3;

    public UserHistories Histories { get; } = histories;

    public int UserCount => Histories.UserCount;

    /// <summary>Item rows that train, oldest first.</summary>
    public ReadOnlySpan<int> Train(int user)
    {
        ReadOnlySpan<int> history = Histories.At(user);
        return history.Length < FewestItems ? history : history[..^2];
    }

    /// <summary>
    /// The item to predict and everything that came before it; for the test that includes the validation item.
    /// False for a user who only trains.
    /// </summary>
    public bool TryGet(int user, HeldOut part, out ReadOnlySpan<int> before, out int target)
    {
        ReadOnlySpan<int> history = Histories.At(user);
        bool isHeldOut = history.Length >= FewestItems;
        int position = history.Length - (part == HeldOut.Test ? 1 : 2);
        before = isHeldOut ? history[..position] : default;
        target = isHeldOut ? history[position] : -1;
        return isHeldOut;
    }
}
