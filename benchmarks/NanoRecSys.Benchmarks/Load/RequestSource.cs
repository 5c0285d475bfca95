using System.Globalization;
using System.Text;

namespace NanoRecSys.Benchmarks.Load;

/// <summary>
/// The requests to send, as bytes. A cold one is a pair of user and K that was not asked for before, so that no cache
/// can know it: every user with K = 10, and only where a data set has too few of them every user with K = 11, and so on.
/// A hot one is a hot user's with K = 10; hot users are never cold.
/// </summary>
internal sealed class RequestSource
{
    private const int SmallestK = 10;
    private const int LargestK = 100;
    private const int MostHotUsers = 1000; // the original's scenario
    private const double HotShare = 0.7; // likewise

    private readonly Uri _url;
    private readonly int[] _coldUsers;
    private readonly byte[][] _hot; // made once: a hundred thousand of them are sent
    private readonly double _hotShare;
    private readonly int _firstCold;
    private long _colds;

    public RequestSource(Uri url, IReadOnlyList<int> users, Scenario scenario, int seed)
    {
        _url = url;
        var random = new Random(seed);
        int[] shuffled = [.. users];
        random.Shuffle(shuffled);
        // Never more than a third of the users are hot, so that cold ones remain on a small data set.
        int hot = Math.Clamp(shuffled.Length / 3, 1, MostHotUsers);
        _hot = Array.ConvertAll(shuffled[..hot], user => Request(user, SmallestK));
        _coldUsers = shuffled.Length > hot ? shuffled[hot..] : shuffled;
        _firstCold = random.Next(_coldUsers.Length);
        _hotShare = scenario switch { Scenario.Hot => 1, Scenario.Cold => 0, _ => HotShare };
    }

    /// <summary>Cold requests that exist; past them they repeat and the report says so.</summary>
    public long ColdCapacity => (long)_coldUsers.Length * (LargestK - SmallestK + 1);

    public long ColdsSent => Interlocked.Read(ref _colds);

    /// <summary>One for each hot user, so that a warm-up leaves none of them out.</summary>
    public IReadOnlyList<byte[]> EveryHot => _hotShare > 0 ? _hot : [];

    /// <param name="random">The caller's own.</param>
    public byte[] Next(Random random)
    {
        if (random.NextDouble() < _hotShare)
        {
            return _hot[random.Next(_hot.Length)];
        }

        long cold = Interlocked.Increment(ref _colds) - 1;
        int k = SmallestK + (int)(cold / _coldUsers.Length % (LargestK - SmallestK + 1));
        return Request(_coldUsers[(cold + _firstCold) % _coldUsers.Length], k);
    }

    private byte[] Request(int user, int k)
    {
        string body = string.Create(CultureInfo.InvariantCulture, $"{{\"user_id\":{user},\"k\":{k}}}");
        return Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"POST /recommend HTTP/1.1\r\nHost: {_url.Authority}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}"));
    }
}
