using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Features;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Models;

/// <summary>
/// One published version in memory, immutable: everything that a request asks of a model comes from one snapshot.
/// Its native parts live until the last lease is given back.
/// </summary>
public sealed class ModelSnapshot
{
    private int _leases = 1; // the slot's own

    public required ArtifactVersion Artifacts { get; init; }

    public required Catalog Catalog { get; init; }

    public required UserHistories Histories { get; init; }

    public required UserTower UserTower { get; init; }

    public required IVectorIndex Index { get; init; }

    public required ItemVectors Items { get; init; }

    /// <summary>Null where the version has no second stage: the retriever's scores pass through.</summary>
    public RankerNetwork? Ranker { get; init; }

    /// <summary>Places new items among the trained ones; null in versions that were published without it.</summary>
    public ContentMap? ContentMap { get; init; }

    /// <summary>All item rows, most interactions first.</summary>
    public required IReadOnlyList<int> ByPopularity { get; init; }

    /// <summary>
    /// When the newest interaction came: the present of a model, whatever the clock says. By the clock everyone of a
    /// data set from years ago would have been away for years, which training has never seen.
    /// </summary>
    public required long DataUntil { get; init; }

    public string Version => Artifacts.Manifest.ModelVersion;

    public MovieInfo MovieAt(int row)
    {
        CatalogItem item = Catalog.Items[row];
        return new MovieInfo(item.MovieId, item.Title, item.Year, item.Genres);
    }

    /// <summary>False once the last lease was given back: the snapshot is gone, take the current one.</summary>
    internal bool TryAddLease()
    {
        int leases = Volatile.Read(ref _leases);
        while (leases > 0)
        {
            int seen = Interlocked.CompareExchange(ref _leases, leases + 1, leases);
            if (seen == leases)
            {
                return true;
            }

            leases = seen;
        }

        return false;
    }

    internal void ReleaseLease()
    {
        if (Interlocked.Decrement(ref _leases) == 0)
        {
            UserTower.Dispose();
            Ranker?.Dispose();
        }
    }
}
