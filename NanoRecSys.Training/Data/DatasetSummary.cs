namespace NanoRecSys.Training.Data;

/// <summary>What <c>prepare</c> made: its <c>dataset.json</c>.</summary>
/// <param name="Name">The prepared data's name.</param>
/// <param name="Source">The ratings file it was read from.</param>
/// <param name="Sha256">Of the ratings file, lower-case hex.</param>
/// <param name="Users">Users after filters.</param>
/// <param name="Items">Items after filters: the item table's rows.</param>
/// <param name="Interactions">Interactions after filters.</param>
/// <param name="Skipped">Interactions that the k-core filter dropped.</param>
/// <param name="Repeated">Rows whose user had rated the item before; they are kept.</param>
/// <param name="TiedUsers">Users with two or more interactions at one timestamp, whose order is therefore the file's.</param>
/// <param name="KCore">Least interactions of each user and item; 0 means unfiltered.</param>
public sealed record DatasetSummary(
    string Name, string Source, string Sha256, int Users, int Items, long Interactions, long Skipped, long Repeated, int TiedUsers, int KCore);
