namespace NanoRecSys.UnitTests.Fixtures;

/// <summary>Contexts for running a step in a test's own artifacts folder.</summary>
internal static class StepContexts
{
    public static StepContext In(string artifacts, string dataset, IProgress<ProgressEvent>? progress = null) =>
        new(new Workspace(new ArtifactStore(artifacts), dataset), 42, progress ?? new Collected<ProgressEvent>(), TestContext.Current.CancellationToken);
}

/// <summary>Collects reports synchronously (<see cref="Progress{T}"/> reports later, from another thread).</summary>
internal sealed class Collected<T> : IProgress<T>
{
    public List<T> Values { get; } = [];

    public void Report(T value) => Values.Add(value);
}
