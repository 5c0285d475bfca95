using NanoRecSys.Training.Data;
using NanoRecSys.Training.Ranking;
using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.IntegrationTests.Fixtures;

/// <summary>A retriever and a ranker, trained on the sample and published by the steps of the command line. Created once, on first use.</summary>
public abstract class PublishedArtifacts : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Lazy<Task<PublishSummary>> _published;

    private protected PublishedArtifacts(TrainRetrieverOptions retriever, MineNegativesOptions negatives, TrainRankerOptions ranker) =>
        _published = new Lazy<Task<PublishSummary>>(() => WholeTraining.RunAsync(
            new PrepareOptions(), retriever, negatives, ranker, RankerUse.Always, Context(_folder.Path)));

    /// <summary>The artifacts folder; tests must not change it, see <see cref="CopyAsync"/>.</summary>
    internal async Task<ArtifactStore> StoreAsync()
    {
        await _published.Value;
        return new ArtifactStore(_folder.Path);
    }

    /// <summary>The published version, verified.</summary>
    internal async Task<ArtifactVersion> VersionAsync() => (await StoreAsync()).Open((await _published.Value).Version);

    /// <summary>Copies the artifacts to a folder that the test may change, and returns the context of steps in it.</summary>
    internal async Task<StepContext> CopyAsync(string folder)
    {
        await _published.Value;
        foreach (string file in Directory.EnumerateFiles(_folder.Path, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(folder, Path.GetRelativePath(_folder.Path, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        return Context(folder);
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_published.IsValueCreated)
        {
            await ((Task)_published.Value).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        _folder.Dispose();
    }

    private static StepContext Context(string folder) =>
        new(new Workspace(new ArtifactStore(folder), DatasetSource.NameOf(TrainingNames.Sample)), Seed: 42, new Progress<ProgressEvent>(), CancellationToken.None);
}
