using NanoRecSys.Training.Export;

namespace NanoRecSys.Training.Import;

/// <summary>One block of numbers beside the pickle, which one or more tensors look at.</summary>
/// <param name="Type">Of the numbers.</param>
/// <param name="Key">Name of its entry in the archive's <c>data</c> folder.</param>
/// <param name="Count">How many numbers.</param>
internal sealed record StorageReference(StoredNumber Type, string Key, long Count)
{
    /// <summary>Its size in the archive.</summary>
    public long Bytes => Count * StoredNumbers.WidthOf(Type);

    /// <param name="id">What PyTorch writes of a storage: ("storage", type, key, device, count).</param>
    /// <exception cref="InvalidDataException">Something else.</exception>
    public static StorageReference Parse(object? id) =>
        id is object?[] and ["storage", StoredNumber type, string key, string, long count and >= 0 and <= int.MaxValue]
            ? new StorageReference(type, key, count)
            : throw new InvalidDataException("it refers to data in a way that PyTorch does not use.");
}
