using System.Globalization;
using System.Text;
using System.Text.Json;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Indexing.Ann;

/// <summary>A report as <c>ann.json</c>, <c>ann.csv</c>, a table for documents (<c>ann.md</c>) and plots.</summary>
internal static class AnnReportFiles
{
    private const string Columns = "engine,index,width,recall@10,recall@100,ms,memory_mb,build_s";

    public static void Write(string folder, AnnReport report)
    {
        File.WriteAllText(Path.Combine(folder, "ann.json"), JsonSerializer.Serialize(report, TrainingJson.Default.AnnReport));
        File.WriteAllText(Path.Combine(folder, "ann.csv"), Csv(report));
        File.WriteAllText(Path.Combine(folder, "ann.md"), Markdown(report));
        AnnPlot.Save(folder, report);
    }

    public static string Csv(AnnReport report)
    {
        var text = new StringBuilder(Columns + "\n");
        foreach (AnnMeasurement m in report.Measurements)
        {
            text.Append(CultureInfo.InvariantCulture, $"{m.Engine},\"{m.Index}\",{m.Width},{m.RecallAt10:F4},{m.RecallAt100:F4},{m.Ms:F4},{m.MemoryMb:F1},{m.BuildSeconds:F1}\n");
        }

        return text.ToString();
    }

    public static string Markdown(AnnReport report)
    {
        var text = new StringBuilder("| index | width | engine | recall@10 | recall@100 | ms | MB | build s |\n|---|---|---|---|---|---|---|---|\n");
        foreach (AnnMeasurement m in report.Measurements)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {m.Index} | {m.Width} | {m.Engine} | {m.RecallAt10:F3} | {m.RecallAt100:F3} | {m.Ms:F3} | {m.MemoryMb:F0} | {m.BuildSeconds:F1} |\n");
        }

        return text.ToString();
    }
}
