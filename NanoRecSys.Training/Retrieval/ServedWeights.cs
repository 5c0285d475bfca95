namespace NanoRecSys.Training.Retrieval;

/// <summary>
/// The weights of the served version as validation selected them, kept on publishing: the next training may start from them. Weights that
/// were also fitted to validation items are not kept, since these items select among the epochs of the next training.
/// </summary>
internal static class ServedWeights
{
    private const string VersionName = "version.txt";

    /// <summary>Keeps the selected retriever of the published version.</summary>
    public static Task KeepAsync(string version, PreparedData data, Workspace workspace) => !ModelFolder.Retriever.Exists(workspace.RetrieverFolder)
        ? Task.CompletedTask
        : AtomicFolder.WriteAsync(workspace.ServedFolder, async folder =>
        {
            foreach (string name in new[] { ModelFolder.Retriever.ConfigurationName, ModelFolder.WeightsName })
            {
                File.Copy(Path.Combine(workspace.RetrieverFolder, name), Path.Combine(folder, name));
            }

            RetrieverItems.Write(folder, RetrieverItems.Ids(data.Catalog));
            await File.WriteAllTextAsync(Path.Combine(folder, VersionName), version);
        });

    /// <summary>Sets a new network to the served weights, or to those of a served member; items unknown to the served version keep their random row.</summary>
    /// <returns>False if another version is served, or its network has another configuration; the network then stays random.</returns>
    /// <param name="model">Configuration of the retriever that <paramref name="tower"/> belongs to.</param>
    public static bool Load(UserTower tower, ModelInfo model, int member, PreparedData data, StepContext context)
    {
        string folder = context.Workspace.ServedFolder;
        if (WhyNot(folder, model, context.Workspace.Store) is { } reason)
        {
            context.Progress.Report(new ProgressEvent { Message = $"Training begins with random weights: {reason}." });
            return false;
        }

        Dictionary<string, NamedTensor> weights = new(SafetensorsFile.Read(Path.Combine(folder, ModelFolder.WeightsName)).OfMember(model, member));
        NamedTensor known = weights[UserTower.ItemTableName]; // [V', D]
        float[] table = NetworkWeights.ByName(tower)[UserTower.ItemTableName].Values; // [V, D]
        int width = tower.Model.Dimension;
        Dictionary<EntityId, int> rows = ItemMapFile.Read(Path.Combine(folder, RetrieverItems.FileName)).Index().ToDictionary(item => item.Item, item => item.Index);
        int kept = 0;
        for (int item = 0; item < data.Catalog.Count; item++)
        {
            if (rows.TryGetValue(data.Catalog.Items[item].Id, out int row))
            {
                known.Values.AsSpan(row * width, width).CopyTo(table.AsSpan(item * width));
                kept++;
            }
        }

        weights[UserTower.ItemTableName] = new NamedTensor(UserTower.ItemTableName, [data.Catalog.Count, width], table);
        tower.Load(weights);
        context.Progress.Report(new ProgressEvent { Message = $"Training begins with the served weights: {kept:N0} of {data.Catalog.Count:N0} items are known." });
        return true;
    }

    private static string? WhyNot(string folder, ModelInfo wanted, ArtifactStore store)
    {
        string version = Path.Combine(folder, VersionName);
        return !File.Exists(version) || File.ReadAllText(version) != (store.ReadPinned() ?? store.ReadCurrent()) ? "the weights of the served version are not here"
            : ModelFolder.Retriever.ReadModel(folder) with { Items = wanted.Items } != wanted ? "the served network has another configuration"
            : null;
    }
}
