namespace NanoRecSys.Training.Data;

/// <summary>What <c>prepare</c> made: its <c>dataset.json</c>.</summary>
/// <param name="Name">The prepared data's name.</param>
/// <param name="Source">The ratings file it was read from.</param>
/// <param name="Sha256">Of the ratings file, lower-case hex.</param>
/// <param name="Users">Users after filters.</param>
/// <param name="Items">Items after filters: the item table's rows.</param>
/// <param name="Interactions">Interactions after filters.</param>
/// <param name="LowRated">Interactions rated below the threshold, which were dropped first.</param>
/// <param name="Skipped">Interactions that the k-core filter dropped.</param>
/// <param name="Repeated">Rows whose user had rated the item before; they are kept.</param>
/// <param name="TiedUsers">Users with two or more interactions at one timestamp, whose order is therefore the file's.</param>
/// <param name="MinRating">The threshold; 0 means that every interaction is a positive.</param>
/// <param name="KCore">Least interactions of each user and item; 0 means unfiltered.</param>
/// <param name="Cuts">Where a split by time divides; null for leave-one-out.</param>
/// <param name="ItemOrder">Where the items are those of an imported item table: what did not match.</param>
public sealed record DatasetSummary(
    string Name, string Source, string Sha256, int Users, int Items, long Interactions, long LowRated, long Skipped, long Repeated, int TiedUsers,
    double MinRating, int KCore, TimeCuts? Cuts = null, ItemOrderSummary? ItemOrder = null)
{
    /// <summary>Interactions that came from the API and not from the file, before filters.</summary>
    public int Events { get; init; }

    /// <summary>Events that say that a movie was not liked; they were left out.</summary>
    public int Dislikes { get; init; }

    /// <summary>Items that were taken out entirely; see <see cref="HeldOutItems"/>.</summary>
    public int NewItems { get; init; }

    /// <summary><see cref="DataSplit.Name"/> of what later steps use.</summary>
    public string Split => Cuts is null ? LeaveOneOut.SplitName : TimeSplit.SplitName;
}

/// <summary>How an imported item table and the ratings match.</summary>
/// <param name="WithoutInteractions">Rows of the table without any rating: they stay in the catalog, counted 0.</param>
/// <param name="UnknownItems">Rated items that the table has no row for.</param>
/// <param name="UnknownInteractions">Their ratings, which were left out: the model can neither read nor recommend them.</param>
public sealed record ItemOrderSummary(int WithoutInteractions, int UnknownItems, long UnknownInteractions);
