namespace NanoRecSys.Training.Race;

/// <summary>Outcome of <c>race</c>: <c>race.json</c>, next to the lists it names.</summary>
/// <param name="Chosen">Name of the candidate to publish.</param>
/// <param name="Reason">One sentence for people.</param>
/// <param name="Users">Validation users.</param>
/// <param name="Figures">By candidate.</param>
/// <param name="Notes">Candidates that were left out and why, one sentence each.</param>
/// <param name="Lists">Item-item models of the chosen candidate; empty for the retriever and the ranker.</param>
/// <param name="Seconds">Of the whole race.</param>
/// <param name="MadeOf">See <see cref="Provenance"/>.</param>
internal sealed record RaceOutcome(
    string Chosen, string Reason, int Users, IReadOnlyDictionary<string, RaceFigures> Figures, IReadOnlyList<string> Notes,
    IReadOnlyList<ItemListInfo> Lists, double Seconds, IReadOnlyDictionary<string, string> MadeOf)
{
    public const string FileName = "race.json";

    /// <returns>Null if there was no race with this data and these weights, or if its files changed since.</returns>
    public static RaceOutcome? Find(Workspace workspace, PreparedData data)
    {
        string path = Path.Combine(workspace.RaceFolder, FileName);
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            RaceOutcome? outcome = JsonSerializer.Deserialize(File.ReadAllBytes(path), TrainingJson.Indented.RaceOutcome);
            return outcome is not null && Provenance.Difference(outcome.MadeOf, [.. InputsOf(workspace, data, outcome.Lists)]) is null ? outcome : null;
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            return null;
        }
    }

    /// <exception cref="UserErrorException">There was no race with this data and these weights, or no lists were chosen.</exception>
    public static RaceOutcome Read(Workspace workspace, PreparedData data) => Find(workspace, data) is { Lists.Count: > 0 } outcome
        ? outcome
        : throw new UserErrorException($"There is no blend for this data and this retriever in {workspace.RaceFolder}. Run 'race'; it keeps one if it chooses one.");

    /// <summary>Metrics of a model by its name in <c>evaluate</c>, where all chosen lists are called <c>blend</c>.</summary>
    public RaceFigures? Of(string model) => Figures.GetValueOrDefault(model == RaceStep.BlendName ? Chosen : model);

    /// <summary>Replaces the outcome of an earlier race.</summary>
    public void Write(Workspace workspace, PreparedData data, IReadOnlyDictionary<string, ItemLists> lists)
    {
        AtomicFolder.DeleteIfExists(workspace.RaceFolder);
        Directory.CreateDirectory(workspace.RaceFolder);
        foreach (ItemListInfo info in Lists)
        {
            lists[info.Name].Write(Path.Combine(workspace.RaceFolder, info.File));
        }

        RaceOutcome recorded = this with
        {
            MadeOf = InputsOf(workspace, data, Lists).Where(input => input.Hash is not null).ToDictionary(input => input.Name, input => input.Hash!),
        };
        AtomicFile.Write(Path.Combine(workspace.RaceFolder, FileName), JsonSerializer.SerializeToUtf8Bytes(recorded, TrainingJson.Indented.RaceOutcome));
    }

    /// <summary>The lists in their served form.</summary>
    public ItemBlend OpenBlend(Workspace workspace) => ItemBlend.Open(workspace.RaceFolder, Lists);

    private static IEnumerable<(string Name, string? Hash)> InputsOf(Workspace workspace, PreparedData data, IReadOnlyList<ItemListInfo> lists)
    {
        yield return (Provenance.Data, data.Hash);
        yield return (Provenance.Retriever, ModelFolder.HashOf(workspace.RetrieverFolder));
        yield return (Provenance.Ranker, ModelFolder.HashOf(workspace.RankerFolder));
        foreach (ItemListInfo info in lists)
        {
            string path = Path.Combine(workspace.RaceFolder, info.File);
            yield return (info.File, File.Exists(path) ? FileHash.Of(path) : null);
        }
    }
}
