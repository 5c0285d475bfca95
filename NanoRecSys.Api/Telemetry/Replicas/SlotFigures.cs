using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Telemetry.Replicas;

/// <summary>What a <see cref="TrafficSlot"/> holds, as a message carries it.</summary>
/// <param name="Number">Of the slot.</param>
/// <param name="Requests">Recommendations answered.</param>
/// <param name="Hits">Answers of the cache.</param>
/// <param name="Lookups">Answers that were asked of it.</param>
/// <param name="MostInFlight">At once, at most.</param>
/// <param name="Modes">Recommendations by mode.</param>
/// <param name="Errors">By kind.</param>
/// <param name="HitSources">Hits by where they were found.</param>
/// <param name="Stages">Histograms as <see cref="LatencyHistogram.ReadPairs"/> gives them.</param>
/// <param name="Versions">Likewise, by model version.</param>
/// <param name="Slowest">The slowest first.</param>
/// <param name="DeepestQueue">Null where nothing queued.</param>
internal sealed record SlotFigures(
    long Number, long Requests, long Hits, long Lookups, int MostInFlight,
    IReadOnlyDictionary<string, long> Modes, IReadOnlyDictionary<string, long> Errors, IReadOnlyDictionary<string, long> HitSources,
    IReadOnlyDictionary<string, int[]> Stages, IReadOnlyDictionary<string, int[]> Versions, IReadOnlyList<RequestTrace> Slowest,
    int? DeepestQueue = null);
