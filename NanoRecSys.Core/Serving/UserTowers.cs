using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Onnx;

namespace NanoRecSys.Core.Serving;

/// <summary>A version's user tower. If 8 bits are served there are two graphs: one for requests, one for comparing embeddings.</summary>
internal sealed class UserTowers : IDisposable
{
    private const int Rounds = 9; // the median is used

    private UserTowers(OnnxUserTower served, OnnxUserTower exact, string precision) => (Served, Exact, Precision) = (served, exact, precision);

    public OnnxUserTower Served { get; } // answers requests
    public OnnxUserTower Exact { get; } // in 32 bits; the same as Served if that has 32 bits
    public string Precision { get; } // of Served, never Auto

    /// <exception cref="ArtifactException">A graph does not match the model, or 8 bits are requested and the version has no such graph.</exception>
    public static UserTowers Open(ArtifactVersion version, string wanted)
    {
        Manifest manifest = version.Manifest;
        if (wanted == UserTowerPrecision.EightBits && manifest.UserTowerInt8 is null)
        {
            throw new ArtifactException("Models:UserTower asks for int8, which this version does not have. Set it to auto or fp32, or run 'export' and 'publish' again.");
        }

        OnnxUserTower exact = OpenExact(version);
        OnnxUserTower? int8 = null;
        try
        {
            if (manifest.UserTowerInt8 is { } info && wanted != UserTowerPrecision.ThirtyTwoBits)
            {
                int8 = new OnnxUserTower(version.PathOf(info.File), manifest.Model);
                if (wanted == UserTowerPrecision.EightBits || IsFaster(int8, exact, manifest.Model))
                {
                    return new UserTowers(int8, exact, UserTowerPrecision.EightBits);
                }
            }
        }
        catch (OnnxRuntimeException e) when (int8 is null)
        {
            // A graph with operators that are not available on this processor or in this version.
            if (wanted == UserTowerPrecision.EightBits)
            {
                exact.Dispose();
                throw new ArtifactException(
                    $"{manifest.UserTowerInt8!.File} needs operators that are not available here: a processor with AVX-512, or the NanoRecSys that exported it. " +
                    $"Set Models:UserTower to auto or fp32, or run 'export' and 'publish' again. ({e.Message})");
            }
        }
        catch
        {
            int8?.Dispose();
            exact.Dispose();
            throw;
        }

        int8?.Dispose();
        return new UserTowers(exact, exact, UserTowerPrecision.ThirtyTwoBits);
    }

    public static OnnxUserTower OpenExact(ArtifactVersion version) => new(version.PathOf(version.Manifest.UserTower.File), version.Manifest.Model);

    /// <summary>
    /// The graph for precomputing users: in 8 bits if the processor has instructions for it, which is what serving chooses there, but
    /// without measuring, so that publishing twice gives the same version.
    /// </summary>
    public static OnnxUserTower OpenFastest(ArtifactVersion version)
    {
        Manifest manifest = version.Manifest;
        return manifest.UserTowerInt8 is { } int8 && Vectors512.AreUsed ? new OnnxUserTower(version.PathOf(int8.File), manifest.Model) : OpenExact(version);
    }

    public void Dispose()
    {
        Served.Dispose();
        Exact.Dispose(); // a second call does nothing
    }

    // They alternate, so that other load on the machine affects both equally.
    private static bool IsFaster(OnnxUserTower candidate, OnnxUserTower than, ModelInfo model)
    {
        TimedHistory history = Enumerable.Range(0, model.MaxLength).Select(i => i % model.Items).ToArray();
        var times = (Candidate: new double[Rounds], Than: new double[Rounds]);
        for (int round = -1; round < Rounds; round++) // the first round plans memory
        {
            int at = Math.Max(round, 0);
            times.Candidate[at] = Time(candidate, history);
            times.Than[at] = Time(than, history);
        }

        return times.Candidate.Order().ElementAt(Rounds / 2) < times.Than.Order().ElementAt(Rounds / 2);
    }

    private static double Time(OnnxUserTower tower, TimedHistory history)
    {
        long start = Stopwatch.GetTimestamp();
        tower.Encode(history);
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}

internal static class UserTowerPrecision
{
    public const string Auto = "auto"; // the faster one on this machine, among those that passed the parity check
    public const string ThirtyTwoBits = "fp32";
    public const string EightBits = "int8";
}
