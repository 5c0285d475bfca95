namespace NanoRecSys.Training.Data;

/// <summary>Who had what in the training part, without order and repeats.</summary>
/// <param name="ItemsOfUser">[U] item rows.</param>
/// <param name="UsersOfItem">[V] positions of users, ascending.</param>
public sealed record TrainIncidence(int[][] ItemsOfUser, int[][] UsersOfItem)
{
    /// <param name="split">Only its training part is looked at.</param>
    /// <param name="items">V</param>
    public static TrainIncidence Of(DataSplit split, int items)
    {
        ArgumentNullException.ThrowIfNull(split);
        int[][] itemsOfUser = [.. Enumerable.Range(0, split.UserCount).Select(user => Distinct(split.Train(user)))];
        List<int>[] usersOfItem = [.. Enumerable.Range(0, items).Select(_ => new List<int>())];
        for (int user = 0; user < itemsOfUser.Length; user++)
        {
            foreach (int item in itemsOfUser[user])
            {
                usersOfItem[item].Add(user);
            }
        }

        return new TrainIncidence(itemsOfUser, [.. usersOfItem.Select(users => users.ToArray())]);
    }

    private static int[] Distinct(ReadOnlySpan<int> items) => [.. new HashSet<int>(items.ToArray())];
}
