using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Ranking;

namespace NanoRecSys.Training.Import;

/// <summary>What <c>import</c> made.</summary>
/// <param name="UserTower">The imported user tower's configuration; null where the retriever stayed.</param>
/// <param name="Ranker">The imported ranker's; null where there is none.</param>
/// <param name="Data">The prepared data that they stand beside; null where none is prepared yet.</param>
/// <param name="Notes">What was stripped, assumed or left out, a sentence each.</param>
public sealed record ImportSummary(ModelInfo? UserTower, RankerModel? Ranker, DatasetSummary? Data, IReadOnlyList<string> Notes);
