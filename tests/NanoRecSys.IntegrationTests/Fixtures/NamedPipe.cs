namespace NanoRecSys.IntegrationTests.Fixtures;

/// <summary>A pipe in the file system: whoever opens it to read waits until somebody writes.</summary>
internal static class NamedPipe
{
    public static void Create(string path)
    {
        using Process mkfifo = Process.Start("mkfifo", [path]);
        mkfifo.WaitForExit();
        Assert.Equal(0, mkfifo.ExitCode);
    }
}
