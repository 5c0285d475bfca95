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

/// <summary>Tests that seed torch's random generator. The process has only one, so they run alone. Torch is loaded before the first of them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class SeededTorch : ICollectionFixture<SeededTorch>
{
    public const string Name = "Seeds torch's random generator";

    public SeededTorch() => LibTorch.Load();
}

internal static class Refusals
{
    extension(Assert)
    {
        /// <summary>Asserts that the step fails with a one-line message that contains these parts in this order.</summary>
        public static async Task RefusedAsync(Func<Task> step, params string[] parts) => AssertMessage(await Assert.ThrowsAsync<UserErrorException>(step), parts);

        public static void Refused<TException>(Action step, params string[] parts)
            where TException : Exception => AssertMessage(Assert.Throws<TException>(step), parts);

        /// <summary>Asserts that a file that ends early is refused wherever it ends.</summary>
        public static void RefusedWhereverCut(string path, params Action[] reads)
        {
            byte[] whole = File.ReadAllBytes(path);
            for (int length = 0; length < whole.Length; length++)
            {
                File.WriteAllBytes(path, whole[..length]);
                Assert.All(reads, read => Assert.Throws<InvalidDataException>(read));
            }
        }
    }

    private static void AssertMessage(Exception error, string[] parts)
    {
        int from = 0;
        foreach (string part in parts)
        {
            Assert.Contains(part, error.Message[from..], StringComparison.Ordinal);
            from = error.Message.IndexOf(part, from, StringComparison.Ordinal) + part.Length;
        }

        Assert.DoesNotContain('\n', error.Message);
    }
}
