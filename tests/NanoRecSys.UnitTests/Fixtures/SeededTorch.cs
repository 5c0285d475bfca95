namespace NanoRecSys.UnitTests.Fixtures;

/// <summary>Tests that seed torch's random generator. The process has only one, so they run alone. Torch is loaded before the first of them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class SeededTorch : ICollectionFixture<SeededTorch>
{
    public const string Name = "Seeds torch's random generator";

    public SeededTorch() => LibTorch.Load();
}
