namespace NanoRecSys.UnitTests.Fixtures;

/// <summary>Contexts for calling a step in a test, in an artifacts folder of the test's own.</summary>
internal static class StepContexts
{
    public static StepContext In(string artifacts, string dataset, IProgress<ProgressEvent>? progress = null) =>
        new(new Workspace(new ArtifactStore(artifacts), dataset), 42, progress ?? new Collected<ProgressEvent>(), TestContext.Current.CancellationToken);
}

/// <summary>Keeps what is reported, at once (<see cref="Progress{T}"/> reports from another thread, later).</summary>
internal sealed class Collected<T> : IProgress<T>
{
    public List<T> Values { get; } = [];

    public void Report(T value) => Values.Add(value);
}
