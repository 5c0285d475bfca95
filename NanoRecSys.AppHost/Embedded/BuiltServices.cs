using System.Reflection;
using System.Runtime.InteropServices;

namespace NanoRecSys.AppHost.Embedded;

/// <summary>Where the build left the programs that the host starts; the build wrote the paths into this assembly.</summary>
/// <param name="RepositoryRoot">The folder of the solution.</param>
/// <param name="Reason">Why this host was built and not the Aspire one.</param>
internal sealed record BuiltServices(string RepositoryRoot, string Reason)
{
    /// <summary>The runtime's own launcher: the one on the path may be missing, or another.</summary>
    public static string DotNet { get; } = Path.GetFullPath(
        Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));

    public static BuiltServices Find() => new(FullPath(Metadata("RepositoryRoot")), Metadata("UseAspireReason"));

    /// <summary>The program of a project, such as <c>NanoRecSys.Api</c>.</summary>
    /// <exception cref="HostException">It was not built.</exception>
    public static string Program(string project)
    {
        string path = FullPath(Metadata(project));
        return File.Exists(path)
            ? path
            : throw new HostException($"{path} is not there. Run 'dotnet build' first.");
    }

    private static string FullPath(string relative) => Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, relative));

    private static string Metadata(string key) => typeof(BuiltServices).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>()
        .First(attribute => attribute.Key == key).Value!;
}
