using System.Globalization;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Benchmarks.Scale;

/// <summary>A line on standard error now and then: standard output is the table's and the JSON's.</summary>
internal sealed class StandardErrorProgress : IProgress<StepProgress>
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private DateTime _next;

    /// <summary>Which step reports.</summary>
    public string Step { get; set; } = "";

    public void Report(StepProgress value)
    {
        if (DateTime.UtcNow < _next)
        {
            return;
        }

        _next = DateTime.UtcNow + Pause;
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Step}: {value.Fraction:P0} {value.Message}"));
    }
}
