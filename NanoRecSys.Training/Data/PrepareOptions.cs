namespace NanoRecSys.Training.Data;

/// <summary>What <c>prepare</c> can be told.</summary>
public sealed record PrepareOptions
{
    /// <summary>See <see cref="DatasetSource"/>.</summary>
    public string Data { get; init; } = DatasetSource.Small;

    /// <summary>Least interactions of each user and item; 0 keeps all.</summary>
    public int KCore { get; init; }

    /// <summary>Where named sets are downloaded from; tests put their own server here.</summary>
    public Uri DownloadFrom { get; init; } = DatasetSource.GroupLens;
}
