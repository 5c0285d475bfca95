namespace NanoRecSys.UnitTests.Fixtures;

/// <summary>Tests that seed torch's random generator: there is one for the process, so they run alone.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class SeededTorch
{
    public const string Name = "Seeds torch's random generator";
}
