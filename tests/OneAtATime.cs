[assembly: AssemblyFixture(typeof(NanoRecSys.Tests.OneAtATime))]

namespace NanoRecSys.Tests;

/// <summary>
/// Runs one test project at a time: "dotnet test" starts one per processor, and tests that measure time
/// must not share two cores with tests that train models.
/// </summary>
public sealed class OneAtATime : IAsyncLifetime
{
    private FileStream? _lock;

    public async ValueTask InitializeAsync()
    {
        string folder = Path.Combine(RepositoryFolder.Root, "TestResults");
        Directory.CreateDirectory(folder);
        while (_lock is null)
        {
            try
            {
                _lock = new FileStream(Path.Combine(folder, ".running"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200));
            }
        }
    }

    public ValueTask DisposeAsync()
    {
        _lock?.Dispose();
        return ValueTask.CompletedTask;
    }
}
