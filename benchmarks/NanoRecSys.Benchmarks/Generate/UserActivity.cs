namespace NanoRecSys.Benchmarks.Generate;

/// <summary>
/// How much each user rates: a log-normal above a least number, as in ML-20M (least 20, median 68, mean 144).
/// </summary>
internal static class UserActivity
{
    private const int Least = 20; // GroupLens leaves users with fewer out.
    private const double Spread = 1.38; // Of the logarithm above the least: median 48 and mean 124 of ML-20M.

    /// <returns>[users] at least one each; their sum is exactly <see cref="GenerateOptions.Ratings"/>.</returns>
    public static int[] Draw(GenerateOptions options)
    {
        SplitMix random = SplitMix.Stream(options.Seed, -1);
        int least = Math.Clamp(options.Ratings / options.Users / 2, 1, Math.Min(Least, options.MostPerUser));
        var wish = new double[options.Users];
        double total = 0;
        foreach (ref double share in wish.AsSpan())
        {
            share = Math.Exp(Spread * random.Normal());
            total += share;
        }

        double scale = (options.Ratings - (double)least * options.Users) / total;
        var counts = new int[options.Users];
        long left = options.Ratings;
        for (int user = 0; user < counts.Length; user++)
        {
            counts[user] = (int)Math.Min(options.MostPerUser, least + Math.Floor(wish[user] * scale));
            left -= counts[user];
        }

        // What rounding and the limit left over goes to the active, too, or to the next user with room for it.
        AliasTable byWish = new(wish);
        for (; left > 0; left--)
        {
            int user = byWish.Draw(ref random);
            while (counts[user] == options.MostPerUser)
            {
                user = (user + 1) % counts.Length;
            }

            counts[user]++;
        }

        return counts;
    }
}
