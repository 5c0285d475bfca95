namespace NanoRecSys.IntegrationTests.Fixtures;

/// <summary>
/// Tests that run after all others, one at a time: an exporter gives a collector ten seconds and drops what it could
/// not bring by then, so a receiver in a process that twenty servers keep busy may rightly never see a span.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = nameof(Alone);
}
