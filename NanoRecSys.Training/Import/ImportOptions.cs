using NanoRecSys.Training.Data;

namespace NanoRecSys.Training.Import;

/// <summary>What <c>import</c> can be told.</summary>
public sealed record ImportOptions
{
    /// <summary>Weights of the user tower, <c>.pth</c> or <c>.safetensors</c>; null: the retriever stays.</summary>
    public string? UserTower { get; init; }

    /// <summary>Weights of the ranker, in either format; null: none is imported.</summary>
    public string? Ranker { get; init; }

    /// <summary>H; null: as the file tells, where it holds <c>rope.inv_freq</c> or was exported here.</summary>
    public int? Heads { get; init; }

    /// <summary>L; null: as the file tells, else <see cref="DefaultMaxLength"/>.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Base of the rotary embedding; null: as the file tells, else <see cref="DefaultRopeBase"/>.</summary>
    public double? RopeBase { get; init; }

    /// <summary>File of the movie ids of the item table's rows; null: they are those of the prepared data, in its order.</summary>
    public string? ItemMap { get; init; }

    /// <summary>File of the genres of the ranker's genre rows, one a line; null: those of the data, in alphabetical order.</summary>
    public string? Genres { get; init; }

    /// <summary>See <see cref="DatasetSource"/>; read again where there is an item map.</summary>
    public string Data { get; init; } = DatasetSource.Small;

    public const int DefaultMaxLength = 200;
    public const double DefaultRopeBase = 500;
}
