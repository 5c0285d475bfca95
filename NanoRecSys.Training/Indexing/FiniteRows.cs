using System.Numerics.Tensors;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Indexing;

/// <summary>Vectors that can be compared: a row with a value that is no number is near to nothing, and would spoil what is learnt of the others.</summary>
internal static class FiniteRows
{
    /// <param name="vectors">[rows, dimension]</param>
    /// <param name="dimension">D</param>
    /// <param name="path">Where they are from.</param>
    /// <exception cref="UserErrorException">A value is no number or endless.</exception>
    public static void Require(ReadOnlySpan<float> vectors, int dimension, string path)
    {
        for (int start = 0; start < vectors.Length; start += dimension)
        {
            if (!TensorPrimitives.IsFiniteAll(vectors.Slice(start, dimension)))
            {
                throw new UserErrorException($"Row {start / dimension} of {path} holds a value that is no finite number.");
            }
        }
    }
}
