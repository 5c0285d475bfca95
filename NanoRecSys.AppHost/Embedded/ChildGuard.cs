using System.Diagnostics;
using System.Globalization;

namespace NanoRecSys.AppHost.Embedded;

/// <summary>
/// A second process of this program that outlives it by a moment: it is told the children's process ids and,
/// when its input ends because the host was killed, kills those that are left.
/// </summary>
/// <remarks>
/// No child has to know of it, and it works on every system. The alternative on Linux, PR_SET_PDEATHSIG, is
/// sent when the thread that started the child ends, and .NET gives no place to set it in the child.
/// </remarks>
internal sealed class ChildGuard : IDisposable
{
    public const string Verb = "--guard-children";

    private readonly Process _process;

    private ChildGuard(Process process) => _process = process;

    public static ChildGuard Start()
    {
        ProcessStartInfo start = new(BuiltServices.DotNet, [typeof(ChildGuard).Assembly.Location, Verb])
        {
            RedirectStandardInput = true,
        };
        return new ChildGuard(Process.Start(start)!);
    }

    public void Add(Process child) => _process.StandardInput.WriteLine(child.Id.ToString(CultureInfo.InvariantCulture));

    /// <summary>Ends the guard; it kills the children that are still there.</summary>
    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit(TimeSpan.FromSeconds(5));
        _process.Dispose();
    }

    /// <summary>The guard's own life: collects process ids until the input ends.</summary>
    public static int Watch(TextReader input)
    {
        using StopSignal ignored = new(); // Ctrl+C reaches the whole group; the guard leaves last.
        List<Process> children = [];
        while (input.ReadLine() is { } line)
        {
            try
            {
                // Opened now, so that an id that is used again later is not mistaken for the child.
                Process child = Process.GetProcessById(int.Parse(line, CultureInfo.InvariantCulture));
                _ = child.StartTime;
                children.Add(child);
            }
            catch (Exception e) when (e is ArgumentException or InvalidOperationException)
            {
                // It has ended already.
            }
        }

        foreach (Process child in children.Where(child => !child.HasExited))
        {
            child.Kill(entireProcessTree: true);
        }

        return 0;
    }
}
