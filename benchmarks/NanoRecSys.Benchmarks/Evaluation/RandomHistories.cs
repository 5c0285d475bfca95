using NanoRecSys.Core.Data;
using NanoRecSys.Training.Data;

namespace NanoRecSys.Benchmarks.Evaluation;

/// <summary>Uniform items in histories of exponentially distributed length: few long ones, many short ones.</summary>
internal static class RandomHistories
{
    private const int Shortest = 3; // below it a user has nothing to predict

    public static LeaveOneOut Create(int users, int items, int meanLength, Random random)
    {
        var all = new List<int>();
        var offsets = new long[users + 1];
        for (int user = 0; user < users; user++)
        {
            int length = Shortest + (int)(-Math.Log(1 - random.NextDouble()) * Math.Max(0, meanLength - Shortest));
            for (int t = 0; t < length; t++)
            {
                all.Add(random.Next(items));
            }

            offsets[user + 1] = all.Count;
        }

        return new LeaveOneOut(new UserHistories([.. Enumerable.Range(1, users)], offsets, [.. all]));
    }
}
