using NanoRecSys.Core.Data;

namespace NanoRecSys.Training.Data;

/// <summary>One item to predict, and what was known when it came.</summary>
/// <param name="User">Position of the user in the histories.</param>
/// <param name="Before">Item rows that came before it, oldest first.</param>
/// <param name="Target">The item row to predict.</param>
/// <param name="BeforeTimes">When each of <paramref name="Before"/> came; empty where the data has no times.</param>
/// <param name="Now">When the target came; null where the data has no times.</param>
public readonly record struct HeldOutCase(int User, ReadOnlyMemory<int> Before, int Target, ReadOnlyMemory<long> BeforeTimes, long? Now)
{
    /// <summary>What a model may look at.</summary>
    public TimedHistory History => new(Before, BeforeTimes, Now ?? 0);
}
