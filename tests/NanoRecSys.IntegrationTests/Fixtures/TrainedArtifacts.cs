using NanoRecSys.Training;
using NanoRecSys.Training.Ranking;
using NanoRecSys.Training.Retrieval;

[assembly: AssemblyFixture(typeof(TrainedArtifacts))]
[assembly: AssemblyFixture(typeof(LearnedArtifacts))]

namespace NanoRecSys.IntegrationTests.Fixtures;

/// <summary>Small networks after one epoch, trained within seconds: all parts exist, but have learned almost nothing.</summary>
public sealed class TrainedArtifacts() : PublishedArtifacts(
    Retriever, new MineNegativesOptions { PositionsPerUser = 2 }, new TrainRankerOptions { Hidden = [16, 8], Epochs = 1 })
{
    internal static readonly TrainRetrieverOptions Retriever = new()
    {
        Dimension = 16,
        Blocks = 2,
        Heads = 2,
        FeedForward = 32,
        MaxLength = 50,
        WarmupSteps = 5,
        Epochs = 1,
    };
}

/// <summary>The quick preset's networks after a third of its epochs: they have learned movies and users.</summary>
public sealed class LearnedArtifacts() : PublishedArtifacts(
    Presets.Quick.Retriever with { Epochs = 5 },
    Presets.Quick.Negatives with { PositionsPerUser = 10 },
    Presets.Quick.Ranker with { Epochs = 2 });
