namespace NanoRecSys.Training.Pipeline;

/// <summary>Where the steps of one data set leave their results for the next step, inside the artifacts folder.</summary>
internal sealed record Workspace(ArtifactStore Store, string Dataset)
{
    /// <summary>Written by <c>prepare</c>: histories, catalog, dataset.json.</summary>
    public string DataFolder => Path.Combine(Store.Root, "data", Dataset);

    /// <summary>Written by <c>train-retriever</c>: weights, configuration, checkpoints, metrics, plots.</summary>
    public string RetrieverFolder => Path.Combine(Store.Root, "work", Dataset, "retriever");

    /// <summary>Written by <c>refit</c>: the weights that are served and tested. What selects by validation reads <see cref="RetrieverFolder"/>.</summary>
    public string RefitFolder => Path.Combine(RetrieverFolder, "refit");

    /// <summary>Written by <c>mine-negatives</c>, of the positions that train.</summary>
    public string NegativesFile => Path.Combine(Store.Root, "work", Dataset, "negatives.parquet");

    /// <summary>Written by <c>mine-negatives</c>, of the held-out validation items: a file of their own, so that they cannot train.</summary>
    public string ValidationNegativesFile => Path.Combine(Store.Root, "work", Dataset, "negatives-validation.parquet");

    public string RankerFolder => Path.Combine(Store.Root, "work", Dataset, "ranker");

    /// <summary>Written by <c>train-baseline</c>: a folder for each model.</summary>
    public string BaselinesFolder => Path.Combine(Store.Root, "work", Dataset, "baselines");

    /// <summary>Written by <c>race</c>: its outcome, and the item lists that serving needs.</summary>
    public string RaceFolder => Path.Combine(Store.Root, "work", Dataset, "race");

    /// <summary>Written by <c>final-fit</c>: the retriever and the item lists, of all interactions.</summary>
    public string FinalFolder => Path.Combine(Store.Root, "work", Dataset, "final");

    /// <summary>Written by <c>evaluate</c>: one file per model, gathered by <c>publish</c>.</summary>
    public string MetricsFolder => Path.Combine(Store.Root, "work", Dataset, "metrics");

    /// <summary>Written by <c>export</c> and <c>index</c>: what <c>publish</c> gathers.</summary>
    public string ExportFolder => Path.Combine(Store.Root, "work", Dataset, "export");

    /// <summary>Written by <c>publish</c>: the selected retriever of the version that is served, for the next training to begin with.</summary>
    public string ServedFolder => Path.Combine(Store.Root, "work", Dataset, "served");

    /// <summary>Written by <c>run</c> while it runs; see <see cref="RunJournal"/>.</summary>
    public string RunFile => Path.Combine(Store.Root, "work", Dataset, "run.json");

    /// <summary>Keeps other trainings away from this dataset's data and results: two at once would build a version out of both. Held until disposed;
    /// null where another process holds it.</summary>
    public IDisposable? TryLock()
    {
        IDisposable? taken = FolderLock.TryTake(Path.Combine(Store.Root, "work", Dataset), "training");
        if (taken is not null)
        {
            File.WriteAllText(LockHolderFile, $"{Environment.ProcessId}");
        }

        return taken;
    }

    /// <summary>The process that holds the lock. In a file of its own: nobody else can read the locked one.</summary>
    public string LockHolder() => File.Exists(LockHolderFile) ? File.ReadAllText(LockHolderFile) : "unknown";

    private string LockHolderFile => Path.Combine(Store.Root, "work", Dataset, ".training.pid");
}
