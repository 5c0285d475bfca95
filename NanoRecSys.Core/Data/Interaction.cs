namespace NanoRecSys.Core.Data;

/// <summary>One row of a ratings file.</summary>
/// <param name="UserId">The data set's user id.</param>
/// <param name="ItemId">The data set's movie id.</param>
/// <param name="Rating">Stars as the file has them; 1 where the data is implicit.</param>
/// <param name="Timestamp">Seconds since 1970, or any number that grows with time.</param>
public readonly record struct Interaction(int UserId, int ItemId, float Rating, long Timestamp);
