namespace NanoRecSys.Benchmarks.Generate;

/// <summary>Turns a user's movies into rows: when each was rated, and how.</summary>
/// <param name="ids">[V] ascending movie ids.</param>
internal sealed class UserRatings(int[] ids)
{
    private static readonly long First = new DateTimeOffset(1996, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeSeconds();
    private static readonly long Last = new DateTimeOffset(2015, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeSeconds();
    private const int SessionLength = 40; // On average; people rate many movies at one sitting.
    private const double SecondsBetween = 20;
    private const double DaysBetween = 30;

    private (int Item, long Time)[] _rows = [];

    /// <summary>Rows in order of movie id, as MovieLens has them: the order of time is the reader's to restore.</summary>
    /// <param name="user">Id.</param>
    /// <param name="items">Oldest first.</param>
    /// <param name="file">Where they go.</param>
    /// <param name="random">The user's own stream.</param>
    public void Write(int user, ReadOnlySpan<int> items, RatingsWriter file, ref SplitMix random)
    {
        if (_rows.Length < items.Length)
        {
            _rows = new (int, long)[items.Length];
        }

        long time = First + (long)(random.Unit() * (Last - First));
        double taste = 3.5 + 0.4 * random.Normal(); // stars, on average
        for (int t = 0; t < items.Length; t++)
        {
            _rows[t] = (items[t], time);
            time += 1 + (long)(random.Next(SessionLength) == 0 ? random.Exponential(DaysBetween * 86_400) : random.Exponential(SecondsBetween));
        }

        Span<(int Item, long Time)> rows = _rows.AsSpan(0, items.Length);
        rows.Sort();
        foreach ((int item, long at) in rows)
        {
            double stars = taste + Quality(item) + 0.8 * random.Normal();
            file.Write(user, ids[item], (int)Math.Clamp(Math.Round(2 * stars), 1, 10), at);
        }
    }

    /// <summary>Stars that a movie gets above or below the user's average, the same from everybody.</summary>
    private static double Quality(int item) => SplitMix.Stream(0, item).Unit() - 0.5;
}
