namespace NanoRecSys.Training.Data;

/// <summary>What <c>prepare</c> can be told.</summary>
public sealed record PrepareOptions
{
    /// <summary>See <see cref="DatasetSource"/>.</summary>
    public string Data { get; init; } = DatasetSource.Small;

    /// <summary>Interactions rated lower are dropped before anything else; 0 takes every interaction as a positive.</summary>
    public double MinRating { get; init; }

    /// <summary>Least interactions of each user and item; 0 keeps all.</summary>
    public int KCore { get; init; }

    /// <summary>Share of the items that are taken out of the data as if they had not been released; see <see cref="HeldOutItems"/>.</summary>
    public double NewItems { get; init; }

    public SplitKind Split { get; init; } = SplitKind.LeaveOneOut;

    /// <summary>Share of the interactions, the latest, that <see cref="SplitKind.Time"/> holds out, half for each part.</summary>
    public double HeldOutShare { get; init; } = 0.1;

    /// <summary>Moments of an earlier preparation to divide at; they decide alone, where they are given.</summary>
    public TimeCuts? Cuts { get; init; }

    /// <summary>
    /// [V] movie ids in the order of an item table that was trained elsewhere: they become the catalog's rows, and
    /// interactions with other items are left out. Null: all items, in order of first appearance.
    /// </summary>
    public IReadOnlyList<int>? ItemOrder { get; init; }

    /// <summary>Redis of the API, whose events are added to the ratings; see <see cref="LiveEvents.ReadAsync(string, CancellationToken)"/>. Null for none.</summary>
    public string? Events { get; init; }

    /// <summary>Where named sets are downloaded from; tests put their own server here.</summary>
    public Uri DownloadFrom { get; init; } = DatasetSource.GroupLens;
}
