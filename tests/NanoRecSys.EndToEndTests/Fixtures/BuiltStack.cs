using System.Reflection;

namespace NanoRecSys.EndToEndTests.Fixtures;

/// <summary>Paths of the stack under test, recorded at build time, and what this machine needs to test it.</summary>
internal static class BuiltStack
{
    // The headless shell first: the other two open a browser window for every context, which takes seconds each time.
    private static readonly string[] Browsers = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium", "/usr/bin/google-chrome"];

    public static string? Chromium { get; } = Browsers.FirstOrDefault(File.Exists);
    public static string AppHost { get; } = Path.GetFullPath(Metadata("AppHost"));
    public static string Web { get; } = Path.GetFullPath(Metadata("Web")); // the pages' server, built with the host
    public static string Training { get; } = Path.GetFullPath(Metadata("Training")); // the training program, built with the host
    public static string Screenshots { get; } = Path.GetFullPath(Metadata("Screenshots"));
    public static string Images { get; } = Path.GetFullPath(Metadata("Images")); // the documentation's images

    /// <summary>Why these tests cannot run here; null if they can.</summary>
    public static string? Obstacle { get; } =
        OperatingSystem.IsLinux() ? null : "The stack's processes are found through Linux's /proc.";

    public static string? BrowserObstacle { get; } = Obstacle
        ?? (Chromium is null ? $"No browser: none of {string.Join(", ", Browsers)} (Debian: apt-get install chromium-headless-shell)." : null);

    /// <summary>Skips the test if this machine has no browser.</summary>
    public static void RequireBrowser() => Assert.SkipWhen(BrowserObstacle is not null, BrowserObstacle ?? "");

    private static string Metadata(string key) => typeof(BuiltStack).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>()
        .First(attribute => attribute.Key == key).Value!;
}
