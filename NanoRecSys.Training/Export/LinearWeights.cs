namespace NanoRecSys.Training.Export;

/// <summary>A linear layer's parameters, as PyTorch keeps them: y = x W^T + b.</summary>
/// <param name="Name">Prefix of the parameters in the state dictionary.</param>
/// <param name="Weight">[Out, In], row-major.</param>
/// <param name="Bias">[Out], or null.</param>
/// <param name="In">Width of the input.</param>
/// <param name="Out">Width of the output.</param>
internal sealed record LinearWeights(string Name, float[] Weight, float[]? Bias, int In, int Out)
{
    /// <summary>[In, Out], so that the graph multiplies without turning the matrix at run time.</summary>
    public float[] Transposed()
    {
        var transposed = new float[Weight.Length];
        for (int row = 0; row < Out; row++)
        {
            for (int column = 0; column < In; column++)
            {
                transposed[column * Out + row] = Weight[row * In + column];
            }
        }

        return transposed;
    }

    /// <summary>The layer that makes only the outputs <paramref name="first"/>..+<paramref name="count"/>.</summary>
    public LinearWeights OutputRows(string name, int first, int count) =>
        new(name, Weight[(first * In)..((first + count) * In)], Bias?[first..(first + count)], In, count);

    /// <summary>The layer that reads only the inputs <paramref name="first"/>..+<paramref name="count"/>; the bias stays with it or not.</summary>
    public LinearWeights InputColumns(string name, int first, int count, bool keepBias)
    {
        var columns = new float[Out * count];
        for (int row = 0; row < Out; row++)
        {
            Weight.AsSpan(row * In + first, count).CopyTo(columns.AsSpan(row * count));
        }

        return new(name, columns, keepBias ? Bias : null, count, Out);
    }

    /// <summary>The layer followed by y * scale + shift, as one layer.</summary>
    /// <param name="scale">[Out]</param>
    /// <param name="shift">[Out]</param>
    public LinearWeights ThenScale(ReadOnlySpan<float> scale, ReadOnlySpan<float> shift)
    {
        float[] weight = [.. Weight];
        var bias = new float[Out];
        for (int row = 0; row < Out; row++)
        {
            foreach (ref float value in weight.AsSpan(row * In, In))
            {
                value *= scale[row];
            }

            bias[row] = (Bias?[row] ?? 0) * scale[row] + shift[row];
        }

        return this with { Weight = weight, Bias = bias };
    }

}
