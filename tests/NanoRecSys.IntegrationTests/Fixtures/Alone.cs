namespace NanoRecSys.IntegrationTests.Fixtures;

/// <summary>
/// Tests that run sequentially after all others: an exporter drops what it cannot deliver to the collector within ten seconds,
/// so a collector in a process kept busy by twenty servers may legitimately never see a span.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = nameof(Alone);
}
