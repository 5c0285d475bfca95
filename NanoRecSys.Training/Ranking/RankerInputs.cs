using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>A batch of user-item pairs as the ranker reads them.</summary>
/// <param name="Users">[B, D] user embeddings, L2-normalised; or [1, D]: one user, B candidates.</param>
/// <param name="Items">[B, D] item embeddings, L2-normalised.</param>
/// <param name="Popularity">[B, 1] log popularity in 0..1.</param>
/// <param name="Years">[B] int64 year bucket, 0..5.</param>
/// <param name="Genres">[B, G] 1 where the item has the genre.</param>
/// <param name="Unknown">[B, 1] 1 where the item embedding is to be ignored, as for an item that was never trained.</param>
/// <param name="Signals">[B, S] those that the model names; not read where it names none.</param>
public sealed record RankerInputs(Tensor Users, Tensor Items, Tensor Popularity, Tensor Years, Tensor Genres, Tensor Unknown, Tensor? Signals = null);
