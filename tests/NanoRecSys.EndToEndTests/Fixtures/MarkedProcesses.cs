namespace NanoRecSys.EndToEndTests.Fixtures;

/// <summary>
/// A process and all its descendants, in any process group or session: they inherit a marker in their environment, which
/// Linux exposes under <c>/proc</c>.
/// </summary>
/// <param name="marker">An environment variable, <c>NAME=VALUE</c>.</param>
internal sealed class MarkedProcesses(string marker)
{
    /// <summary>The running processes with their command lines. Zombies have none and are omitted.</summary>
    public IEnumerable<(int Id, string Command)> Running() => Directory.EnumerateDirectories("/proc")
        .Select(folder => int.TryParse(Path.GetFileName(folder), out int process) ? process : 0)
        .Where(process => process != 0 && Read(process, "environ").Split('\0').Contains(marker))
        .Select(process => (Id: process, Command: Read(process, "cmdline").Replace('\0', ' ')))
        .Where(process => process.Command.Length > 0);

    private static string Read(int process, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/{file}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ""; // It has just exited, or belongs to another user.
        }
    }
}
