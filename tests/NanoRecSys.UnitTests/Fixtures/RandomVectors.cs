using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.UnitTests.Fixtures;

/// <summary>Seeded vectors for search tests.</summary>
internal static class RandomVectors
{
    /// <returns>[count, dimension], every value in [-1, 1).</returns>
    public static float[] Uniform(int count, int dimension, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count * dimension).Select(_ => (float)(2 * random.NextDouble() - 1))];
    }

    /// <returns>[count, dimension] clustered around centres, like the items of a catalog.</returns>
    public static float[] Clustered(int count, int dimension, int centres, int seed)
    {
        var random = new Random(seed);
        float[] middle = Uniform(centres, dimension, seed + 1);
        var values = new float[count * dimension];
        for (int row = 0; row < count; row++)
        {
            int centre = random.Next(centres);
            for (int d = 0; d < dimension; d++)
            {
                values[row * dimension + d] = middle[centre * dimension + d] + 0.4f * (float)(random.NextDouble() + random.NextDouble() - 1);
            }
        }

        return values;
    }
}

internal static class RowSets
{
    public static RowSet Of(int rows, params ReadOnlySpan<int> members)
    {
        var set = new RowSet(rows);
        set.AddRange(members);
        return set;
    }

    /// <summary>Excludes the rows 0, 3, 6, ...</summary>
    public static RowFilter WithoutEveryThird(int rows) => new(Of(rows, [.. Enumerable.Range(0, rows / 3).Select(i => 3 * i)]));
}
