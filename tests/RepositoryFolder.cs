namespace NanoRecSys.Tests;

/// <summary>Finds files outside the test's output folder.</summary>
internal static class RepositoryFolder
{
    private const string SharedVariable = "NANORECSYS_SHARED";

    public static string Root { get; } = FindRoot(); // the folder of NanoRecSys.sln

    /// <summary>A reference file from another implementation; skips the test if it is missing.</summary>
    public static string Shared(params string[] parts)
    {
        string folder = Environment.GetEnvironmentVariable(SharedVariable) ?? Path.Combine(Root, "..", "shared");
        string path = Path.Combine([folder, .. parts]);
        Assert.SkipUnless(Path.Exists(path), $"{path} is missing; {SharedVariable} names the folder of reference answers.");
        return path;
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "NanoRecSys.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException($"No NanoRecSys.sln above {AppContext.BaseDirectory}.");
    }
}
