using System.Globalization;

namespace NanoRecSys.EndToEndTests.Fixtures;

/// <summary>
/// A process and everything it started, in whatever process group or session: they inherit a marker in their environment, which
/// Linux shows under <c>/proc</c>.
/// </summary>
/// <param name="marker">An environment variable, <c>NAME=VALUE</c>.</param>
internal sealed class MarkedProcesses(string marker)
{
    // Linux reports processor time in hundredths of a second, whatever it counts internally.
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(10);

    /// <summary>The running ones, with their command lines.</summary>
    public IEnumerable<(int Id, string Command)> Running() => Members()
        .Select(member => (member.Id, Command: Read(member.Id, "cmdline").Replace('\0', ' ')))
        .Where(member => member.Command.Length > 0);

    /// <summary>What they have used so far, with the processes of theirs that have ended.</summary>
    public TimeSpan ProcessorTime() => Members() // user and system time, their own and that of children they have waited for
        .Aggregate(TimeSpan.Zero, (sum, member) => sum + Tick * member.Fields[11..15].Sum(ticks => long.Parse(ticks, CultureInfo.InvariantCulture)));

    /// <summary>What the whole machine has used so far, with what a hypervisor gave to others.</summary>
    public static TimeSpan MachineTime()
    {
        // "cpu user nice system idle iowait irq softirq steal guest ...": guest is part of user.
        long[] ticks = [.. File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..9]
            .Select(field => long.Parse(field, CultureInfo.InvariantCulture))];
        return Tick * (ticks.Sum() - ticks[3] - ticks[4]);
    }

    private IEnumerable<(int Id, string[] Fields)> Members() => Directory.EnumerateDirectories("/proc")
        .Select(folder => int.TryParse(Path.GetFileName(folder), out int process) ? process : 0)
        .Where(process => process != 0 && Read(process, "environ").Split('\0').Contains(marker))
        // "pid (name) state ppid ...": the name can contain anything, so read from its end.
        .Select(process => (Id: process, Fields: Read(process, "stat") is { Length: > 0 } stat ? stat[(stat.LastIndexOf(')') + 2)..].Split(' ') : []))
        .Where(process => process.Fields is [not "Z", ..]);

    private static string Read(int process, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/{file}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ""; // It has just ended, or is another user's.
        }
    }
}
