using System.Globalization;
using System.Text;

namespace NanoRecSys.Benchmarks.Load;

/// <summary>
/// The bodies to send. A cold one is a pair of user and K that was not asked for before (K from 10 to 100), so
/// that no cache can know it; a hot one is a hot user's with K = 10.
/// </summary>
internal sealed class RequestSource
{
    private const int SmallestK = 10;
    private const int LargestK = 100;
    private const int MostHotUsers = 1000; // the original's scenario
    private const double HotShare = 0.7; // likewise

    private readonly int[] _users;
    private readonly int[] _hotUsers;
    private readonly Scenario _scenario;
    private readonly Random _random;
    private readonly Lock _lock = new();
    private readonly long _firstCold;
    private long _colds;

    public RequestSource(IReadOnlyList<int> users, Scenario scenario, int seed)
    {
        _scenario = scenario;
        _random = new Random(seed);
        _users = [.. users];
        _random.Shuffle(_users);
        _firstCold = _random.NextInt64(ColdCapacity);
        // Never more than a third of the users are hot, so that cold ones remain on a small data set.
        _hotUsers = _users[..Math.Clamp(_users.Length / 3, 1, MostHotUsers)];
    }

    /// <summary>Cold bodies that exist; past them they repeat and the run says so.</summary>
    public long ColdCapacity => (long)_users.Length * (LargestK - SmallestK);

    public long ColdsSent => Interlocked.Read(ref _colds);

    public byte[] Next()
    {
        bool hot;
        int hotUser;
        lock (_lock)
        {
            hot = _scenario == Scenario.Hot || (_scenario == Scenario.Mix && _random.NextDouble() < HotShare);
            hotUser = _hotUsers[_random.Next(_hotUsers.Length)];
        }

        if (hot)
        {
            return Body(hotUser, SmallestK);
        }

        long cold = _firstCold + Interlocked.Increment(ref _colds) - 1;
        int k = SmallestK + 1 + (int)(cold / _users.Length % (LargestK - SmallestK));
        return Body(_users[cold % _users.Length], k);
    }

    private static byte[] Body(int user, int k) =>
        Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{{\"user_id\":{user},\"k\":{k}}}"));
}
