using NanoRecSys.Training.Data;

namespace NanoRecSys.Training.Retrieval;

/// <summary>Which stretch of which user's items trains in which step of an epoch.</summary>
public static class EpochPlan
{
    /// <summary>The windows of an epoch in the order of training; the same seed and epoch make the same plan.</summary>
    public static SequenceWindow[] Windows(DataSplit split, int maxLength, TrainingWindow kind, Random random)
    {
        ArgumentNullException.ThrowIfNull(split);
        ArgumentNullException.ThrowIfNull(random);
        var windows = new List<SequenceWindow>(split.UserCount);
        for (int user = 0; user < split.UserCount; user++)
        {
            int items = split.Train(user).Length;
            int count = Math.Min(items, maxLength + 1);
            if (count < 2)
            {
                continue; // nothing follows the only item
            }

            int last = items - count;
            windows.Add(new SequenceWindow(user, kind == TrainingWindow.Last ? last : random.Next(last + 1), count));
        }

        SequenceWindow[] plan = [.. windows];
        random.Shuffle(plan);
        return plan;
    }
}
