using NanoRecSys.Core.Features;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>Every item's ranker inputs as tensors, to gather batches from.</summary>
public sealed class ItemFeatureTensors : IDisposable
{
    private readonly Tensor _embeddings; // [V, D], L2-normalised
    private readonly Tensor _popularity; // [V, 1]
    private readonly Tensor _years; // [V]
    private readonly Tensor _genres; // [V, G]

    /// <param name="embeddings">[V, D], L2-normalised; owned from here on.</param>
    /// <param name="features">Of the same V items.</param>
    public ItemFeatureTensors(Tensor embeddings, ItemFeatures features)
    {
        ArgumentNullException.ThrowIfNull(embeddings);
        ArgumentNullException.ThrowIfNull(features);
        int items = features.Popularity.Length;
        int genreCount = Math.Max(1, features.Genres.Count); // a network without any genre keeps one row that is never set
        var genres = new float[items * genreCount];
        for (int row = 0; row < items; row++)
        {
            features.GenresOf(row).CopyTo(genres.AsSpan(row * genreCount));
        }

        _embeddings = embeddings;
        _popularity = tensor(features.Popularity.ToArray(), [items, 1]);
        _years = tensor(Array.ConvertAll(features.Years.ToArray(), year => (long)year));
        _genres = tensor(genres, [items, genreCount]);
    }

    /// <param name="users">[B, D] or [1, D].</param>
    /// <param name="rows">[B] int64 item rows.</param>
    /// <param name="unknown">[B, 1], or null for items that are all known.</param>
    /// <param name="signals">[B, S], where the network reads some.</param>
    public RankerInputs Gather(Tensor users, Tensor rows, Tensor? unknown = null, Tensor? signals = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return new RankerInputs(
            users, _embeddings.index_select(0, rows), _popularity.index_select(0, rows), _years.index_select(0, rows),
            _genres.index_select(0, rows), unknown ?? zeros(rows.shape[0], 1), signals);
    }

    /// <summary>[V, D] the retriever's.</summary>
    public Tensor Embeddings => _embeddings;

    public void Dispose()
    {
        _embeddings.Dispose();
        _popularity.Dispose();
        _years.Dispose();
        _genres.Dispose();
    }
}
