namespace NanoRecSys.Training.Export.Map;

/// <summary>
/// Lays items out on a plane so that neighbours lie together: each is drawn to its neighbours and pushed from random
/// others, as in UMAP (McInnes et al., 2018), with t-SNE's kernel 1 / (1 + d^2), which needs no powers.
/// </summary>
public static class NeighbourLayout
{
    private const int Epochs = 400;
    private const int PushesPerPull = 5;

    // Share of the nearest ten that stay so on the sample: .15 with UMAP's 1, .23 with 5, .28 with 20, .30 with 30.
    private const float PushStrength = 30;
    private const float LongestStep = 4; // of one pull or push, in units of the kernel
    private const float StartSpan = 10; // where the start is spread over

    /// <param name="start">[V, 2] where items lie at first; its broad shape survives.</param>
    /// <param name="neighbours">[V][K].</param>
    /// <param name="random">Chooses whom an item is pushed from.</param>
    /// <param name="report">Told the share that is done.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>[V, 2] within -1..1.</returns>
    public static float[] Arrange(float[] start, int[][] neighbours, Random random, Action<double> report, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(start);
        ArgumentNullException.ThrowIfNull(neighbours);
        ArgumentNullException.ThrowIfNull(random);
        ArgumentNullException.ThrowIfNull(report);
        float[] places = Fit(start, StartSpan);
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            cancellation.ThrowIfCancellationRequested();
            float rate = 1 - (float)epoch / Epochs;
            for (int item = 0; item < neighbours.Length; item++)
            {
                foreach (int neighbour in neighbours[item])
                {
                    Pull(places, item, neighbour, rate);
                    for (int push = 0; push < PushesPerPull; push++)
                    {
                        Push(places, item, random.Next(neighbours.Length), rate);
                    }
                }
            }

            report((epoch + 1.0) / Epochs);
        }

        return Fit(places, 1);
    }

    // Both move: a neighbour is one whichever of the two found the other.
    private static void Pull(float[] places, int a, int b, float rate)
    {
        (float dx, float dy, float squared) = Between(places, a, b);
        float strength = -2 / (1 + squared);
        (float x, float y) = (Step(strength * dx) * rate, Step(strength * dy) * rate);
        places[2 * a] += x;
        places[2 * a + 1] += y;
        places[2 * b] -= x;
        places[2 * b + 1] -= y;
    }

    private static void Push(float[] places, int item, int other, float rate)
    {
        (float dx, float dy, float squared) = Between(places, item, other);
        float strength = 2 * PushStrength / ((0.001f + squared) * (1 + squared)); // 0.001: UMAP's guard against two items in one place
        places[2 * item] += Step(strength * dx) * rate;
        places[2 * item + 1] += Step(strength * dy) * rate;
    }

    private static (float Dx, float Dy, float Squared) Between(float[] places, int a, int b)
    {
        float dx = places[2 * a] - places[2 * b], dy = places[2 * a + 1] - places[2 * b + 1];
        return (dx, dy, dx * dx + dy * dy);
    }

    private static float Step(float gradient) => Math.Clamp(gradient, -LongestStep, LongestStep);

    /// <summary>Moved and scaled evenly, so that the longer side spans -span..span.</summary>
    private static float[] Fit(float[] places, float span)
    {
        (float left, float right) = Range(places, 0);
        (float bottom, float top) = Range(places, 1);
        float scale = 2 * span / Math.Max(Math.Max(right - left, top - bottom), float.Epsilon);
        float[] fitted = [.. places];
        for (int i = 0; i < fitted.Length; i += 2)
        {
            fitted[i] = Math.Clamp((fitted[i] - (left + right) / 2) * scale, -span, span);
            fitted[i + 1] = Math.Clamp((fitted[i + 1] - (bottom + top) / 2) * scale, -span, span);
        }

        return fitted;
    }

    private static (float Min, float Max) Range(float[] places, int axis)
    {
        float min = float.MaxValue, max = float.MinValue;
        for (int i = axis; i < places.Length; i += 2)
        {
            (min, max) = (Math.Min(min, places[i]), Math.Max(max, places[i]));
        }

        return (min, max);
    }
}
