namespace NanoRecSys.Core.Data;

/// <summary>What the user tower reads of a user.</summary>
/// <param name="Items">Item rows, oldest first.</param>
/// <param name="Times">
/// When each of <paramref name="Items"/> came, in the data's own unit; none where it is not known, which counts as
/// <paramref name="Now"/>. Only a network with a time bias looks at it.
/// </param>
/// <param name="Now">When it is asked what follows.</param>
public readonly record struct TimedHistory(ReadOnlyMemory<int> Items, ReadOnlyMemory<long> Times = default, long Now = 0)
{
    /// <summary>A history of which only the order is known.</summary>
    public static implicit operator TimedHistory(ReadOnlyMemory<int> items) => FromItems(items);

    /// <inheritdoc cref="op_Implicit(ReadOnlyMemory{int})"/>
    public static implicit operator TimedHistory(int[] items) => FromItems(items);

    public static TimedHistory FromItems(ReadOnlyMemory<int> items) => new(items);

    /// <summary>Its last <paramref name="length"/> items, or all where there are fewer.</summary>
    public TimedHistory Last(int length) => new(
        Items[^Math.Min(length, Items.Length)..], Times[^Math.Min(length, Times.Length)..], Now);
}
