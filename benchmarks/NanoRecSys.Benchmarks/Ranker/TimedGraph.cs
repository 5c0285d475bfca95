using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Kernels;

namespace NanoRecSys.Benchmarks.Ranker;

/// <summary>A graph in ONNX Runtime on one thread, with the inputs of one request.</summary>
internal sealed class TimedGraph : IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();
    private readonly string[] _names;
    private readonly OrtValue[] _values;

    public TimedGraph(string path, params (string Name, OrtValue Value)[] inputs)
    {
        _session = OnnxSession.Open(path);
        (_names, _values) = ([.. inputs.Select(input => input.Name)], [.. inputs.Select(input => input.Value)]);
    }

    public float[] Run()
    {
        using IDisposableReadOnlyCollection<OrtValue> outputs = _session.Run(_options, _names, _values, _session.OutputNames);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    /// <returns>Milliseconds of one run.</returns>
    public double Time()
    {
        long start = Stopwatch.GetTimestamp();
        using IDisposableReadOnlyCollection<OrtValue> outputs = _session.Run(_options, _names, _values, _session.OutputNames);
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    public void Dispose()
    {
        _options.Dispose();
        _session.Dispose();
    }
}
