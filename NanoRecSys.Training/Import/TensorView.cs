namespace NanoRecSys.Training.Import;

/// <summary>A tensor as a pickle describes it: which numbers of a storage it shows, and in which order.</summary>
/// <param name="Storage">Where the numbers lie.</param>
/// <param name="Offset">Of the first one.</param>
/// <param name="Shape">Empty for a scalar.</param>
/// <param name="Strides">By how many numbers the next index of each dimension lies further on.</param>
/// <param name="Count">Product of the shape.</param>
internal sealed record TensorView(StorageReference Storage, long Offset, long[] Shape, long[] Strides, int Count)
{
    private const int MostDimensions = 8;

    /// <param name="arguments">As PyTorch writes them: storage, offset, shape, strides, and what training needs.</param>
    /// <exception cref="InvalidDataException">It would show numbers that its storage does not have.</exception>
    public static TensorView Rebuild(object?[] arguments)
    {
        if (arguments is not [StorageReference storage, long offset, object?[] shape, object?[] strides, ..]
            || shape.Length != strides.Length || shape.Length > MostDimensions
            || !shape.Concat(strides).All(number => number is long and >= 0 and <= int.MaxValue) || offset < 0)
        {
            throw new InvalidDataException("a tensor in it has a shape or strides that cannot be.");
        }

        long[] sizes = [.. shape.Cast<long>()];
        long[] steps = [.. strides.Cast<long>()];

        // In 128 bits: eight sizes could overflow 64 and come out right.
        UInt128 count = 1;
        UInt128 last = (UInt128)offset;
        for (int i = 0; i < sizes.Length; i++)
        {
            count = count > int.MaxValue ? count : count * (UInt128)sizes[i];
            last += (UInt128)Math.Max(0, sizes[i] - 1) * (UInt128)steps[i];
        }

        bool isEmpty = sizes.Contains(0);
        return isEmpty || (count <= int.MaxValue && last < (UInt128)storage.Count)
            ? new TensorView(storage, offset, sizes, steps, isEmpty ? 0 : (int)count)
            : throw new InvalidDataException(
                $"a tensor [{string.Join(", ", sizes)}] with strides ({string.Join(", ", steps)}) and offset {offset} does not fit into its storage of {storage.Count} numbers.");
    }

    /// <param name="storage">All numbers of <see cref="Storage"/>.</param>
    /// <returns>The tensor's, row-major.</returns>
    public float[] Gather(ReadOnlySpan<float> storage)
    {
        if (IsContiguous())
        {
            return storage.Slice(Count == 0 ? 0 : (int)Offset, Count).ToArray();
        }

        var values = new float[Count];
        Span<long> index = stackalloc long[Shape.Length];
        long position = Offset;
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = storage[(int)position];

            // Like a counter: the last dimension moves, and the one before it whenever it has gone round.
            for (int d = Shape.Length - 1; d >= 0; d--)
            {
                position += Strides[d];
                if (++index[d] < Shape[d])
                {
                    break;
                }

                position -= Shape[d] * Strides[d];
                index[d] = 0;
            }
        }

        return values;
    }

    private bool IsContiguous()
    {
        long expected = 1;
        for (int d = Shape.Length - 1; d >= 0; d--)
        {
            if (Shape[d] > 1 && Strides[d] != expected)
            {
                return Count == 0;
            }

            expected *= Shape[d];
        }

        return true;
    }
}
