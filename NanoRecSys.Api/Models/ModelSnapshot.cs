using System.Collections.Frozen;
using NanoRecSys.Api.Browsing;
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
    private NewItems? _newItems;
    private FirstMovies? _firstMovies;
    private FrozenSet<string>? _genres;
    private TitleSearch? _titles;
    private UserSample? _sample;

    public required ArtifactVersion Artifacts { get; init; }

    public required Catalog Catalog { get; init; }

    public required UserHistories Histories { get; init; }

    public required UserTowers UserTowers { get; init; }

    /// <summary>What the user tower made of <see cref="Histories"/> when they were published; null where requests compute it.</summary>
    public HalfRows? UserEmbeddings { get; init; }

    public required IVectorIndex Index { get; init; }

    public required ItemVectors Items { get; init; }

    /// <summary>Null where the version has no second stage: the retriever's scores pass through.</summary>
    public RankerNetwork? Ranker { get; init; }

    /// <summary>Places new items among the trained ones; null in versions that were published without it.</summary>
    public ContentMap? ContentMap { get; init; }

    /// <summary>[V, 2] where each item lies on a plane; null in versions that were published without it.</summary>
    public float[]? ItemMap { get; init; }

    /// <summary>All item rows, most interactions first.</summary>
    public required IReadOnlyList<int> ByPopularity { get; init; }

    /// <summary>What somebody new most likely starts with; counted when the version is loaded.</summary>
    public FirstMovies FirstMovies => LazyInitializer.EnsureInitialized(ref _firstMovies, () => FirstMovies.Of(Histories, ByPopularity));

    /// <summary>Of the most popular item.</summary>
    public int MostInteractions => ByPopularity.Count == 0 ? 0 : Catalog.Items[ByPopularity[0]].Count;

    /// <summary>
    /// When the newest interaction came: the present of a model, whatever the clock says. By the clock everyone of a
    /// data set from years ago would have been away for years, which training has never seen.
    /// </summary>
    public required long DataUntil { get; init; }

    public string Version => Artifacts.Manifest.ModelVersion;

    /// <summary>All genres of the catalog, in any spelling of case.</summary>
    public FrozenSet<string> Genres => LazyInitializer.EnsureInitialized(ref _genres,
        () => Catalog.Items.SelectMany(item => item.Genres).ToFrozenSet(StringComparer.OrdinalIgnoreCase));

    /// <summary>Encoded once, when somebody first asks who a movie is shown to.</summary>
    public UserSample Sample => LazyInitializer.EnsureInitialized(ref _sample, () => UserSample.Draw(this));

    public TitleSearch Titles => LazyInitializer.EnsureInitialized(ref _titles, () => new TitleSearch(Catalog.Items));

    /// <summary>The model's catalog with movies that were added since; made once for each list of them.</summary>
    public NewItems Extend(IReadOnlyList<CatalogItem> added)
    {
        NewItems? known = Volatile.Read(ref _newItems);
        if (known is null || !ReferenceEquals(known.Source, added))
        {
            // Two requests may both do it; they make the same.
            Volatile.Write(ref _newItems, known = NewItems.Place(this, added));
        }

        return known;
    }

    public MovieInfo MovieAt(int row) => Catalog.Items[row].ToMovieInfo();

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
            UserTowers.Dispose();
            UserEmbeddings?.Dispose();
            Ranker?.Dispose();
            (Index as IDisposable)?.Dispose(); // one of the FAISS library, or in a mapped file
        }
    }
}
