using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Recommendations;

/// <summary>What a response says of its request, beside the <see cref="Answer"/> that it may share with others.</summary>
public sealed record RequestPart(
    DebugTiming DebugTiming, string RequestId, bool ServedFromCache, string Mode, IReadOnlyList<StageTiming> Stages);
