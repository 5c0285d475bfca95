[assembly: AssemblyFixture(typeof(NanoRecSys.Tests.OneAtATime))]

namespace NanoRecSys.Tests;

/// <summary>
/// Holds a test project back until the others are done: "dotnet test" starts one per processor, and the tests
/// that measure seconds must not share two cores with those that train models.
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
