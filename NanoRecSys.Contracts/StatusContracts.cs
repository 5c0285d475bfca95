namespace NanoRecSys.Contracts;

/// <summary>Answer of <c>GET /debug/status</c> and of <c>GET /readyz</c> when ready.</summary>
public sealed record StatusDocument
{
    /// <summary>The <see cref="RankerBackend"/> of a version without a ranker.</summary>
    public const string NoRanker = "passthrough";

    public required bool Ready { get; init; }

    /// <summary>Always false here: there is no stub.</summary>
    public bool StubMode { get; init; }

    public required string Mode { get; init; }

    public required IReadOnlyList<string> Warnings { get; init; }

    public required IReadOnlyList<string> Errors { get; init; }

    public required RedisStatus Redis { get; init; }

    public required FaissStatus Faiss { get; init; }

    public string? UserTowerBackend { get; init; }

    /// <summary><see cref="NoRanker"/> if the retriever's order is served; null before the first model.</summary>
    public string? RankerBackend { get; init; }

    public required IReadOnlyDictionary<string, bool> Artifacts { get; init; }

    public required RequestStats Stats { get; init; }

    /// <summary>The served model version; null before the first.</summary>
    public string? Version { get; init; }
}

/// <summary>The cache and event store. <c>Writable</c>: whether it accepts events and items; null without a store.</summary>
public sealed record RedisStatus(bool Enabled, bool Available, string? Host, int? Port, long ErrorCount, bool? Writable = null);

public sealed record FaissStatus(
    bool Ready, string RequestedIndexType, string? LoadedIndexType, string? IndexPath, string? Engine);

public sealed record RequestStats(long Requests, long CacheHits, long CacheMisses, long CacheErrors, long Errors);

/// <summary>Answer of <c>GET /debug/host</c>: the process and its settings, without secrets.</summary>
/// <param name="Service">The program's name.</param>
/// <param name="Started">When the process started.</param>
/// <param name="Runtime">The .NET version.</param>
/// <param name="System">The operating system.</param>
/// <param name="Processors">Number of processors available to the process.</param>
/// <param name="WorkingSetBytes">Memory of the process.</param>
/// <param name="HeapBytes">The part managed by the garbage collector.</param>
/// <param name="Threads">Number of threads.</param>
/// <param name="Settings">Effective settings by name; those that may contain a secret are left out or shortened.</param>
public sealed record HostReport(
    string Service, DateTimeOffset Started, string Runtime, string System, int Processors, long WorkingSetBytes, long HeapBytes, int Threads,
    IReadOnlyList<HostSetting> Settings);

/// <param name="Name">As in <c>appsettings.json</c>, with colons as separators.</param>
/// <param name="Value">Formatted for people.</param>
public sealed record HostSetting(string Name, string Value);
