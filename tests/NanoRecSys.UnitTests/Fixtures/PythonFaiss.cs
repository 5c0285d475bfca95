using System.Diagnostics;

namespace NanoRecSys.UnitTests.Fixtures;

/// <summary>Runs the real FAISS through Python; skips the test if it is not installed.</summary>
internal static class PythonFaiss
{
    // The system's interpreter first: other interpreters on the path do not see the package python3-faiss.
    private static readonly string? Interpreter = new[] { "/usr/bin/python3", "python3" }.FirstOrDefault(HasFaiss);

    public static string Run(string script, params string[] arguments)
    {
        Assert.SkipWhen(Interpreter is null, "python3 with faiss and numpy is not installed (Debian: python3-faiss).");
        (int exit, string output, string error) = Start(Interpreter, script, arguments);
        Assert.True(exit == 0, error);
        return output;
    }

    private static bool HasFaiss(string interpreter)
    {
        try
        {
            return Start(interpreter, "import faiss, numpy", []).Exit == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    private static (int Exit, string Output, string Error) Start(string interpreter, string script, string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(interpreter, ["-c", script, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,

            // Its threads spin while they wait: on busy cores they take minutes for what one thread does in a second.
            Environment = { ["OMP_NUM_THREADS"] = "1" },
        })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }
}
