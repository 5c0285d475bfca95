using System.Runtime.InteropServices;

namespace NanoRecSys.AppHost.Embedded;

/// <summary>Where the build left the programs that the host starts; the build wrote the paths into this assembly.</summary>
/// <param name="RepositoryRoot">The folder of the solution.</param>
internal sealed record BuiltServices(string RepositoryRoot)
{
    /// <summary>The runtime's own launcher: the one on the path may be missing, or another.</summary>
    public static string DotNet { get; } = Path.GetFullPath(
        Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));

    public static BuiltServices Find() => new(FullPath(HostChoice.Metadata("RepositoryRoot")));

    /// <summary>The program of a project, such as <c>NanoRecSys.Api</c>.</summary>
    /// <exception cref="HostException">It was not built.</exception>
    public static string Program(string project)
    {
        string path = FullPath(HostChoice.Metadata(project));
        return File.Exists(path)
            ? path
            : throw new HostException($"{path} is not there. Run 'dotnet build' first.");
    }

    private static string FullPath(string relative) => Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, relative));
}
