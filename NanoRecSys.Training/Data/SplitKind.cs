namespace NanoRecSys.Training.Data;

/// <summary>What <c>prepare</c> can hold out.</summary>
public enum SplitKind
{
    /// <summary>See <see cref="Data.LeaveOneOut"/>.</summary>
    LeaveOneOut,

    /// <summary>See <see cref="TimeSplit"/>.</summary>
    Time,
}
