namespace NanoRecSys.Training.Evaluation;

/// <summary>Where items that no training has seen stand in the lists of those who took them.</summary>
/// <param name="Model">How they were placed.</param>
/// <param name="AmongAll">Ranked among the whole catalogue and all new items, but those of the history: <c>hr@10</c> and the like.</param>
/// <param name="AmongNew">Ranked among the new items alone.</param>
public sealed record HeldOutItemsResult(string Model, IReadOnlyDictionary<string, double> AmongAll, IReadOnlyDictionary<string, double> AmongNew);

/// <param name="Cases">Users who took a new item; the last one of each is looked for.</param>
/// <param name="KnownItems">V</param>
/// <param name="NewItems">N</param>
/// <param name="HeldOutCosine">Of estimated and trained embeddings, in the map's own cross-validation.</param>
/// <param name="Results">One for each way, a random order first.</param>
public sealed record HeldOutItemsReport(int Cases, int KnownItems, int NewItems, double HeldOutCosine, IReadOnlyList<HeldOutItemsResult> Results);
