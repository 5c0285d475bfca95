namespace NanoRecSys.IntegrationTests.Fixtures;

/// <summary>Torch has one random generator and one number of threads per process: a seeded training has the same result each time only if no other
/// runs beside it.</summary>
internal static class SeededTorch
{
    private static readonly SemaphoreSlim Gate = new(1);

    /// <returns>Ends the exclusive use when disposed.</returns>
    public static async Task<IDisposable> EnterAsync()
    {
        await Gate.WaitAsync();
        return new Exit();
    }

    private sealed class Exit : IDisposable
    {
        public void Dispose() => Gate.Release();
    }
}
