namespace NanoRecSys.EndToEndTests.Fixtures;

/// <summary>A new empty folder, deleted afterwards.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("nanorecsys-e2e-").FullName;

    public void Dispose()
    {
        try
        {
            Directory.Delete(Path, recursive: true);
        }
        catch (IOException)
        {
            // A process that is just ending still wrote to it; the system cleans its temporary folder.
        }
    }
}
