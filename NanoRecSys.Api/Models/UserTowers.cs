using System.Diagnostics;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Api.Models;

/// <summary>A version's user tower, twice where it serves in 8 bits: for requests, and for what compares embeddings.</summary>
public sealed class UserTowers : IDisposable
{
    private const int Rounds = 9; // of which the median counts

    private UserTowers(UserTower served, UserTower exact, string precision) => (Served, Exact, Precision) = (served, exact, precision);

    /// <summary>Answers requests.</summary>
    public UserTower Served { get; }

    /// <summary>In 32 bits; the same one where that is what serves.</summary>
    public UserTower Exact { get; }

    /// <summary>Of <see cref="Served"/>, never <see cref="UserTowerPrecision.Auto"/>.</summary>
    public string Precision { get; }

    /// <exception cref="ArtifactException">A graph does not load, or the version has none in 8 bits and these are wanted.</exception>
    public static UserTowers Open(ArtifactVersion version, string wanted)
    {
        ArgumentNullException.ThrowIfNull(version);
        Manifest manifest = version.Manifest;
        if (wanted == UserTowerPrecision.EightBits && manifest.UserTowerInt8 is null)
        {
            throw new ArtifactException("Models:UserTower asks for int8, which this version does not have. Set it to auto or fp32, or run 'export' and 'publish' again.");
        }

        var exact = new UserTower(version, manifest.UserTower);
        if (manifest.UserTowerInt8 is null || wanted == UserTowerPrecision.ThirtyTwoBits)
        {
            return new UserTowers(exact, exact, UserTowerPrecision.ThirtyTwoBits);
        }

        UserTower? int8 = null;
        try
        {
            int8 = new UserTower(version, manifest.UserTowerInt8);
            if (wanted == UserTowerPrecision.EightBits || IsFaster(int8, exact, manifest.Model))
            {
                return new UserTowers(int8, exact, UserTowerPrecision.EightBits);
            }
        }
        catch
        {
            int8?.Dispose();
            exact.Dispose();
            throw;
        }

        int8.Dispose();
        return new UserTowers(exact, exact, UserTowerPrecision.ThirtyTwoBits);
    }

    public void Dispose()
    {
        Served.Dispose();
        Exact.Dispose(); // a second time does nothing
    }

    // They take turns, so that what else the machine does meets both alike.
    private static bool IsFaster(UserTower candidate, UserTower than, ModelInfo model)
    {
        TimedHistory history = Enumerable.Range(0, model.MaxLength).Select(i => i % model.Items).ToArray();
        var times = (Candidate: new double[Rounds], Than: new double[Rounds]);
        for (int round = -1; round < Rounds; round++) // the first one plans its memory
        {
            int at = Math.Max(round, 0);
            times.Candidate[at] = Time(candidate, history);
            times.Than[at] = Time(than, history);
        }

        return times.Candidate.Order().ElementAt(Rounds / 2) < times.Than.Order().ElementAt(Rounds / 2);
    }

    private static double Time(UserTower tower, TimedHistory history)
    {
        long start = Stopwatch.GetTimestamp();
        tower.Encode(history);
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
