using System.Reflection;

namespace NanoRecSys.AppHost;

/// <summary>What the build knew: which host this is, and where things lie.</summary>
internal static class HostChoice
{
    /// <summary>Why this host was built and not the other; Directory.Build.props decides.</summary>
    public static string Reason => Metadata("UseAspireReason");

    public static string Metadata(string key) => typeof(HostChoice).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>()
        .First(attribute => attribute.Key == key).Value!;
}
