using Microsoft.ML.OnnxRuntime;

namespace NanoRecSys.Core.Kernels;

/// <summary>ONNX Runtime as a server wants it: one thread per call, the calls run side by side, and our kernels at hand.</summary>
public static class OnnxSession
{
    static OnnxSession() => OrtEnv.Instance().DisableTelemetryEvents(); // Microsoft's Windows builds send usage data by default

    /// <param name="path">A graph's file.</param>
    public static InferenceSession Open(string path)
    {
        using var options = new SessionOptions
        {
            IntraOpNumThreads = 1,
            InterOpNumThreads = 1,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
            EnableMemoryPattern = false, // planning for each new length costs more than it saves: 0.67 against 0.55 ms at length 20
        };
        // Threads that spin between calls take the cores from concurrent requests.
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        options.AddSessionConfigEntry("session.inter_op.allow_spinning", "0");
        OnnxKernels.AddTo(options);
        return new InferenceSession(path, options);
    }
}
