using NanoRecSys.Core.Data;
using NanoRecSys.Training.Data;

namespace NanoRecSys.Training.Export;

/// <summary>The histories that a version serves, and the catalog that counts them.</summary>
internal static class ServedHistories
{
    public static UserHistories Of(PreparedData data, ServeSplit serve)
    {
        if (serve == ServeSplit.All)
        {
            return data.Histories;
        }

        var offsets = new long[data.Split.UserCount + 1];
        var items = new List<int>((int)data.Histories.InteractionCount);
        var times = new List<long>(data.Histories.Times.Length);
        for (int user = 0; user < data.Split.UserCount; user++)
        {
            items.AddRange(data.Split.Train(user));
            times.AddRange(data.Split.TrainTimes(user));
            offsets[user + 1] = items.Count;
        }

        return new UserHistories(data.Histories.UserIds.ToArray(), offsets, [.. items], [.. times]);
    }

    /// <summary>The same items, counted in <paramref name="histories"/>: popularity as the served users made it.</summary>
    public static Catalog Count(Catalog catalog, UserHistories histories)
    {
        var counts = new int[catalog.Count];
        foreach (int row in histories.Items)
        {
            counts[row]++;
        }

        return new Catalog([.. catalog.Items.Select(item => item with { Count = counts[item.Index] })]);
    }
}
