namespace NanoRecSys.Training.Pipeline;

/// <summary>Folder of one data set inside the artifacts folder, where each step leaves its results for the next.</summary>
internal sealed record Workspace(ArtifactStore Store, string Dataset)
{
    /// <summary>Written by <c>prepare</c>: histories, catalog, dataset.json.</summary>
    public string DataFolder => Path.Combine(Store.Root, "data", Dataset);

    /// <summary>The results of all later steps.</summary>
    public string WorkFolder => Path.Combine(Store.Root, "work", Dataset);

    /// <summary>Written by <c>train-retriever</c>: weights, configuration, checkpoints, metrics, plots.</summary>
    public string RetrieverFolder => Path.Combine(WorkFolder, "retriever");

    /// <summary>Written by <c>refit</c>: the weights to serve and test. Steps that select by validation read <see cref="RetrieverFolder"/>.</summary>
    public string RefitFolder => Path.Combine(RetrieverFolder, "refit");

    /// <summary>Written by <c>mine-negatives</c> for the training positions.</summary>
    public string NegativesFile => Path.Combine(WorkFolder, "negatives.parquet");

    /// <summary>Written by <c>mine-negatives</c> for the held-out validation items, separately so that they are never trained on.</summary>
    public string ValidationNegativesFile => Path.Combine(WorkFolder, "negatives-validation.parquet");

    public string RankerFolder => Path.Combine(WorkFolder, "ranker");

    /// <summary>Written by <c>train-baseline</c>.</summary>
    public string BaselineFolder(string model) => Path.Combine(WorkFolder, "baselines", model);

    /// <summary>Written by <c>race</c>: its outcome, and the item lists that serving needs.</summary>
    public string RaceFolder => Path.Combine(WorkFolder, "race");

    /// <summary>Written by <c>final-fit</c>: the retriever and the item lists, made with all interactions.</summary>
    public string FinalFolder => Path.Combine(WorkFolder, "final");

    /// <summary>Written by <c>evaluate</c>: one file per model, collected by <c>publish</c>.</summary>
    public string MetricsFolder => Path.Combine(WorkFolder, "metrics");

    /// <summary>Written by <c>export</c> and <c>index</c>: the input of <c>publish</c>.</summary>
    public string ExportFolder => Path.Combine(WorkFolder, "export");

    /// <summary>Written by <c>publish</c>: the selected retriever of the served version, which the next training may start from.</summary>
    public string ServedFolder => Path.Combine(WorkFolder, "served");

    /// <summary>Written by <c>run</c> while it runs; see <see cref="RunJournal"/>.</summary>
    public string RunFile => Path.Combine(WorkFolder, "run.json");

    /// <summary>Keeps other trainings off this data set: two at once would mix their results in one version. Held until disposed;
    /// null if another process holds it.</summary>
    public IDisposable? TryLock()
    {
        IDisposable? taken = FolderLock.TryTake(WorkFolder, "training");
        if (taken is not null)
        {
            File.WriteAllText(LockHolderFile, $"{Environment.ProcessId}");
        }

        return taken;
    }

    /// <summary>The process that holds the lock. Stored in a separate file, because others cannot read the locked one.</summary>
    public string LockHolder() => File.Exists(LockHolderFile) ? File.ReadAllText(LockHolderFile) : "unknown";

    private string LockHolderFile => Path.Combine(WorkFolder, ".training.pid");
}

/// <summary>The inputs of a result: the hash of each by name, stored in the result and compared by every step that reads it. Counts
/// and file times are no substitute: other data may have as many items, in other rows.</summary>
internal static class Provenance
{
    public const string Data = "data";

    public const string ItemData = "item data"; // titles, categories and attributes, which the hash of Data does not cover

    public const string Retriever = "retriever";

    /// <inheritdoc cref="Retriever"/>
    public const string Ranker = "ranker";

    /// <summary>The value of <see cref="Data"/> in imported weights. Their rows are compared by item id if known.</summary>
    public const string Imported = "imported";

    /// <summary>The inputs that exist, as a result stores them.</summary>
    public static Dictionary<string, string> Record(IEnumerable<(string Name, string? Hash)> inputs) =>
        inputs.Where(input => input.Hash is not null).ToDictionary(input => input.Name, input => input.Hash!);

    /// <returns>How the inputs differ, to follow "was trained" or the like; null if they are the same.</returns>
    public static string? Difference(IReadOnlyDictionary<string, string> recorded, params ReadOnlySpan<(string Name, string? Hash)> present)
    {
        foreach ((string name, string? hash) in present)
        {
            string? before = recorded.GetValueOrDefault(name);
            if (before is null && hash is not null)
            {
                return $"by an earlier version, which did not record the {name}";
            }

            if (before != hash && !(name == Data && before == Imported))
            {
                return name == Data ? "on other data than is prepared now" : $"with another {name}";
            }
        }

        return null;
    }

    /// <exception cref="UserErrorException">The file changed after the step wrote it.</exception>
    public static void RequireUnchanged(string path, string? hash, string step, string remedy) => UserErrorException.ThrowIf(
        !File.Exists(path) || FileHash.Of(path) != hash, $"{path} {(File.Exists(path) ? "changed" : "disappeared")} after '{step}' wrote it. {remedy}");
}
