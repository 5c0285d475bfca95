using System.Globalization;

namespace NanoRecSys.EndToEndTests.Fixtures;

/// <summary>The processes of one group, as Linux tells of them under <c>/proc</c>.</summary>
internal sealed class ProcessGroup(int id)
{
    // Linux reports processor time to programs in hundredths of a second, whatever it counts in itself.
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(10);

    /// <summary>Those that are still there, with their command lines.</summary>
    public IEnumerable<(int Id, string Command)> Living() => Members()
        .Select(member => (member.Id, Command: Read(member.Id, "cmdline").Replace('\0', ' ')))
        .Where(member => member.Command.Length > 0);

    /// <summary>What the group has used so far, with its processes that have ended.</summary>
    public TimeSpan ProcessorTime() => Members() // User and system time, its own and that of children it has waited for.
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
        .Where(process => process != 0)
        // "pid (name) state ppid pgrp session ...": the name may hold anything, so read on from its end.
        .Select(process => (Id: process, Fields: Read(process, "stat") is { Length: > 0 } stat ? stat[(stat.LastIndexOf(')') + 2)..].Split(' ') : []))
        .Where(process => process.Fields is [not "Z", _, string group, ..] && group == id.ToString(CultureInfo.InvariantCulture));

    private static string Read(int process, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/{file}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ""; // No process, or one that has just ended.
        }
    }
}
