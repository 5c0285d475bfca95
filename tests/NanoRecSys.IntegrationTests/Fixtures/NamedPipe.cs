namespace NanoRecSys.IntegrationTests.Fixtures;

/// <summary>A named pipe in the file system: opening it for reading blocks until a writer opens it.</summary>
internal static class NamedPipe
{
    public static void Create(string path)
    {
        using Process mkfifo = Process.Start("mkfifo", [path]);
        mkfifo.WaitForExit();
        Assert.Equal(0, mkfifo.ExitCode);
    }
}
