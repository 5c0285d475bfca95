using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Import;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Ranking;

namespace NanoRecSys.Training.Export;

/// <param name="Files">What was written, the user tower first.</param>
/// <param name="Parameters">Numbers in all of them.</param>
public sealed record StateDictionarySummary(IReadOnlyList<string> Files, long Parameters);

/// <summary>
/// The networks as safetensors in PyTorch's names and shapes, to go on with there, or to be imported here: the header
/// keeps what the weights do not tell. Beside them <c>items.txt</c>, the movie ids of the item table's rows.
/// </summary>
public static class StateDictionaryExport
{
    public const string UserTowerName = "user_tower.safetensors";
    public const string RankerName = "ranker.safetensors";

    /// <exception cref="UserErrorException">Nothing was trained, or it does not fit the data.</exception>
    public static async Task<StateDictionarySummary> RunAsync(StepContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        Workspace workspace = context.Workspace;
        ModelInfo model = RetrieverFiles.ReadModel(workspace.RetrieverFolder);
        List<NamedTensor> tower = [.. TrainedWeights.Read(workspace.RetrieverFolder, "train-retriever").Tensors.Values];
        string folder = Directory.CreateDirectory(workspace.ExportFolder).FullName;
        if (model.Positions == Positions.Rotary)
        {
            // PyTorch's module has the frequencies as a buffer, and misses it when it loads strictly.
            int headWidth = model.Dimension / model.Heads;
            tower.Add(new NamedTensor(UserTowerLayout.RotaryName, [headWidth / 2], RotaryFrequencies.Of(model.RopeBase, headWidth)));
        }

        List<string> files = [Path.Combine(folder, UserTowerName)];
        SafetensorsFile.Write(files[0], tower, WeightsMetadata.Of(model));
        context.Progress.Report(new StepProgress { Fraction = 0.5 });
        long parameters = tower.Sum(tensor => tensor.Values.LongLength);
        if (RankerExport.IsUsable(context))
        {
            using RankerNetwork ranker = RankerFiles.Read(workspace.RankerFolder);
            IReadOnlyList<NamedTensor> weights = NetworkWeights.Of(ranker);
            files.Add(Path.Combine(folder, RankerName));
            SafetensorsFile.Write(files[1], weights, WeightsMetadata.Of(ranker.Model));
            parameters += weights.Sum(tensor => tensor.Values.LongLength);
        }

        if (await RetrieverItems.FindAsync(workspace, model.Items, context.Cancellation) is { } movieIds)
        {
            files.Add(Path.Combine(folder, RetrieverItems.FileName));
            ItemMapFile.Write(files[^1], movieIds);
        }

        context.Progress.Report(new StepProgress { Fraction = 1 });
        return new StateDictionarySummary(files, parameters);
    }
}
