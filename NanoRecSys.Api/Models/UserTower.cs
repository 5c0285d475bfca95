using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Kernels;

namespace NanoRecSys.Api.Models;

/// <summary>The trained user tower: a history in, the user's embedding out. Safe for concurrent calls.</summary>
internal sealed class UserTower : IDisposable
{
    private readonly InferenceSession _session;
    private readonly string[] _inputs;
    private readonly string[] _outputs;
    private readonly int _dimension;
    private readonly int _maxLength;
    private readonly bool _hasTimes;

    /// <param name="version">Holds it.</param>
    /// <param name="onnx">Which of its graphs.</param>
    public UserTower(ArtifactVersion version, OnnxInfo onnx)
    {
        _session = OnnxSession.Open(version.PathOf(onnx.File));
        _inputs = [.. onnx.Inputs.Select(input => input.Name)];
        _hasTimes = version.Manifest.Model.TimeBias;
        if (_inputs.Length != (_hasTimes ? 3 : 1))
        {
            throw new ArtifactException($"The user tower has {_inputs.Length} inputs, its time bias asks for {(_hasTimes ? 3 : 1)}. Run 'export' and 'publish' again.");
        }

        _outputs = [onnx.Outputs.Single().Name];
        _dimension = version.Manifest.Model.Dimension;
        _maxLength = version.Manifest.Model.MaxLength;
    }

    /// <param name="history">At least one item; the last L are read.</param>
    /// <returns>[D], of length 1.</returns>
    public float[] Encode(TimedHistory history)
    {
        int length = SequenceBuilder.Length(history.Items.Length, _maxLength); // L', no padding: a batch of one
        var tokens = new long[length];
        SequenceBuilder.Fill(history.Items.Span, tokens);
        using OrtValue input = OrtValue.CreateTensorValueFromMemory(tokens, [1, length]);
        if (!_hasTimes)
        {
            return Run([input]);
        }

        var times = new long[length];
        SequenceBuilder.FillTimes(history, times);
        using OrtValue timesInput = OrtValue.CreateTensorValueFromMemory(times, [1, length]);
        using OrtValue now = OrtValue.CreateTensorValueFromMemory(new[] { history.Now }, [1]);
        return Run([input, timesInput, now]);
    }

    /// <summary>
    /// Several histories in one run: they share the graph's overhead. Of the graph in 32 bits only: the other knows no padding,
    /// and in one batch its steps would depend on all histories.
    /// </summary>
    /// <param name="histories">B, each with at least one item.</param>
    /// <returns>[B] embeddings [D], each of length 1.</returns>
    public float[][] EncodeAll(IReadOnlyList<TimedHistory> histories)
    {
        int batch = histories.Count;
        int length = histories.Max(history => SequenceBuilder.Length(history.Items.Length, _maxLength)); // L': shorter ones are padded
        var tokens = new long[batch * length]; // [B, L']
        var times = new long[_hasTimes ? tokens.Length : 0]; // [B, L']
        for (int b = 0; b < batch; b++)
        {
            SequenceBuilder.Fill(histories[b].Items.Span, tokens.AsSpan(b * length, length));
            if (_hasTimes)
            {
                SequenceBuilder.FillTimes(histories[b], times.AsSpan(b * length, length));
            }
        }

        using OrtValue input = OrtValue.CreateTensorValueFromMemory(tokens, [batch, length]);
        float[] users; // [B * D]
        if (_hasTimes)
        {
            using OrtValue timesInput = OrtValue.CreateTensorValueFromMemory(times, [batch, length]);
            using OrtValue now = OrtValue.CreateTensorValueFromMemory(histories.Select(history => history.Now).ToArray(), [batch]);
            users = Run([input, timesInput, now], batch);
        }
        else
        {
            users = Run([input], batch);
        }

        return [.. Enumerable.Range(0, batch).Select(b => users[(b * _dimension)..((b + 1) * _dimension)])];
    }

    public void Dispose() => _session.Dispose();

    private float[] Run(OrtValue[] inputs, int batch = 1)
    {
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs = _session.Run(options, _inputs, inputs, _outputs);
        ReadOnlySpan<float> embedding = outputs[0].GetTensorDataAsSpan<float>(); // [B, D]
        return embedding.Length == batch * _dimension
            ? embedding.ToArray()
            : throw new ArtifactException($"The user tower gives {embedding.Length / batch} values, the manifest says {_dimension}. Run 'export' and 'publish' again.");
    }
}

/// <summary>A version's user tower, twice where it serves in 8 bits: for requests, and for what compares embeddings.</summary>
internal sealed class UserTowers : IDisposable
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

/// <summary>In which numbers the user tower is served.</summary>
internal static class UserTowerPrecision
{
    /// <summary>What this machine is faster with, of what the manifest shows to be like the trained network.</summary>
    public const string Auto = "auto";

    public const string ThirtyTwoBits = "fp32";

    public const string EightBits = "int8";
}
