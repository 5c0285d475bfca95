namespace NanoRecSys.Contracts;

/// <summary>Answer of <c>GET /debug/status</c> and of <c>GET /readyz</c> when ready.</summary>
public sealed record StatusDocument
{
    /// <summary>The <see cref="RankerBackend"/> of a version without a second stage.</summary>
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

    /// <summary><see cref="NoRanker"/> where the retriever's order is served; null before the first model.</summary>
    public string? RankerBackend { get; init; }

    public required IReadOnlyDictionary<string, bool> Artifacts { get; init; }

    public required RequestStats Stats { get; init; }

    /// <summary>The model version that is served, or null before the first.</summary>
    public string? Version { get; init; }
}

/// <summary>The cache and event store. <c>Writable</c>: whether it takes events and items; null without one.</summary>
public sealed record RedisStatus(bool Enabled, bool Available, string? Host, int? Port, long ErrorCount, bool? Writable = null);

public sealed record FaissStatus(
    bool Ready, string RequestedIndexType, string? LoadedIndexType, string? IndexPath, string? Engine);

public sealed record RequestStats(long Requests, long CacheHits, long CacheMisses, long CacheErrors, long Errors);

/// <summary>Answer of <c>GET /debug/host</c>: the process, and the settings that it runs with. Holds no secret.</summary>
/// <param name="Service">The program's name.</param>
/// <param name="Started">When the process began.</param>
/// <param name="Runtime">Of .NET.</param>
/// <param name="System">The operating system.</param>
/// <param name="Processors">That it may use.</param>
/// <param name="WorkingSetBytes">Memory that the process holds.</param>
/// <param name="HeapBytes">Of it, what the garbage collector manages.</param>
/// <param name="Threads">Of the process.</param>
/// <param name="Settings">In force, by name; what may hold a secret is left out or reduced.</param>
public sealed record HostReport(
    string Service, DateTimeOffset Started, string Runtime, string System, int Processors, long WorkingSetBytes, long HeapBytes, int Threads,
    IReadOnlyList<HostSetting> Settings);

/// <param name="Name">As in <c>appsettings.json</c>, with colons.</param>
/// <param name="Value">For people to read.</param>
public sealed record HostSetting(string Name, string Value);
