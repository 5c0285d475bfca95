using System.Text.Json;
using NanoRecSys.Training.Pipeline;
using TorchSharp.Modules;
using static TorchSharp.torch.utils.tensorboard;

namespace NanoRecSys.Training.Retrieval;

/// <summary>
/// A training's figures for people and programs, in the retriever's folder: <c>tensorboard/</c> (event files),
/// <c>metrics.json</c> and <c>training.png</c>, all kept up as it goes.
/// </summary>
public sealed class TrainingLog
{
    public const string EventsName = "tensorboard";
    public const string MetricsName = "metrics.json";

    private readonly string _folder;
    private readonly SummaryWriter _events;

    /// <param name="retrieverFolder">Where the weights go, too.</param>
    /// <param name="isResumed">Whether the events continue those that are there.</param>
    public TrainingLog(string retrieverFolder, bool isResumed)
    {
        _folder = retrieverFolder;
        string events = Path.Combine(retrieverFolder, EventsName);
        if (!isResumed && Directory.Exists(events))
        {
            Directory.Delete(events, recursive: true); // an earlier training's; its curve would be drawn over this one's
        }

        _events = SummaryWriter(events);
    }

    /// <summary>Writes the newest epoch, the last of the state's curve.</summary>
    public void Add(TrainingState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        CurvePoint point = state.Curve[^1];
        Scalar("train/loss", point.Loss);
        Scalar("train/learning_rate", point.LearningRate);
        Scalar("train/sequences_per_second", point.SequencesPerSecond);
        Scalar("train/memory_mib", point.MemoryMiB);
        foreach ((string name, double value) in point.Metrics ?? new Dictionary<string, double>())
        {
            Scalar($"validation/{name}", value);
        }

        if (point.Metrics is not null)
        {
            byte[] json = JsonSerializer.SerializeToUtf8Bytes(state, TrainingJson.Default.TrainingState);
            File.WriteAllBytes(Path.Combine(_folder, MetricsName), json);
            TrainingCurve.Save(_folder, state.Curve);
        }

        void Scalar(string name, double value) => _events.add_scalar(name, (float)value, point.Epoch);
    }
}
