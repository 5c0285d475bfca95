using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using NanoRecSys.Benchmarks.Scale;

namespace NanoRecSys.Benchmarks.Micro;

/// <summary>
/// The command <c>micro</c>: time and allocations of each stage of a request, by BenchmarkDotNet. Times are reported only; allocations,
/// which are independent of other load, are the gate: a stage that exceeds its limit ends the program with exit code 1.
/// </summary>
internal static class MicroCommand
{
    private const int CallsOfQuick = 1_000; // enough to reduce the runtime's own allocations to a few bytes per call

    // Bytes per call at the reference size (docs/architecture.md), a fifth above the measurement when the gate was set; raise a limit only for a reason.
    private static readonly Dictionary<string, long> Allowed = new()
    {
        [nameof(StageBenchmarks.EncodeTwenty)] = 2_100,
        [nameof(StageBenchmarks.EncodeMedian)] = 2_600,
        [nameof(StageBenchmarks.EncodeTwoHundred)] = 3_900,
        [nameof(StageBenchmarks.Retrieve)] = 6_100,
        [nameof(StageBenchmarks.Rank)] = 5_800,
        [nameof(StageBenchmarks.Respond)] = 4_000,
        [nameof(StageBenchmarks.Hit)] = 230,
    };

    public static Command Create()
    {
        Option<string?> artifacts = new("--artifacts") { Description = "Artifacts folder with a published version; default: one of the reference size, created for the run." };
        Option<bool> quick = new("--quick") { Description = "Few calls per stage: allocations only." };
        Command command = new("micro", "Time and allocations of each stage of a request (BenchmarkDotNet); exit code 1 if one allocates too much.")
        {
            artifacts, quick,
        };
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetValue(artifacts), parsed.GetValue(quick), parsed.GetValue(JsonLine.Option), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string? artifacts, bool quick, bool json, CancellationToken cancellation)
    {
        DirectoryInfo? created = artifacts is null ? Directory.CreateTempSubdirectory("nanorecsys-micro-") : null;
        try
        {
            StageBenchmarks.Artifacts = artifacts ?? created!.FullName;
            if (created is not null)
            {
                await ScaledVersion.PublishAsync(
                    new ScaleOptions(created.FullName, Data: null, Users: 500, Items: 26_744, Ratings: 72_000, 256, 4, 8, 1024, UserEmbeddings: false, Seed: 1),
                    new StandardErrorProgress(), cancellation);
            }

            Job job = quick ? Job.Dry.WithWarmupCount(2).WithIterationCount(1).WithInvocationCount(CallsOfQuick).WithUnrollFactor(1) : Job.ShortRun;
            IConfig config = ManualConfig.CreateEmpty()
                .AddJob(job.WithToolchain(InProcessEmitToolchain.Instance)).AddDiagnoser(MemoryDiagnoser.Default).AddLogger(NullLogger.Instance)
                .WithOptions(ConfigOptions.DisableOptimizationsValidator) // allocations are the same in a debug build
                .WithArtifactsPath(Directory.CreateTempSubdirectory("nanorecsys-micro-log-").FullName);
            return Report(BenchmarkRunner.Run<StageBenchmarks>(config), quick, json);
        }
        finally
        {
            created?.Delete(recursive: true);
        }
    }

    private static int Report(Summary summary, bool quick, bool json)
    {
        StageCost[] costs = [.. summary.Reports.Where(report => report.ResultStatistics is not null).Select(Cost)];
        Table table = new Table().Title("One call of each stage, one thread").AddColumns("stage", "µs", "± µs", "bytes", "allowed");
        foreach (StageCost cost in costs)
        {
            string mark = cost.Bytes > cost.Allowed ? " too many" : "";
            table.AddRow(cost.Stage, quick ? "" : $"{cost.Microseconds:N1}", quick ? "" : $"{cost.Error:N1}", $"{cost.Bytes:N0}{mark}", $"{cost.Allowed:N0}");
        }

        AnsiConsole.Write(table);
        bool holds = costs.Length == Allowed.Count && costs.All(cost => cost.Bytes <= cost.Allowed);
        if (costs.Length < Allowed.Count)
        {
            Console.Error.WriteLine($"{Allowed.Count - costs.Length} stages did not run: {string.Join(" ", summary.ValidationErrors.Select(error => error.Message))}");
        }

        JsonLine.Write(json, new { holds, stages = costs }, JsonSerializerOptions.Web);

        return holds ? 0 : 1;
    }

    private static StageCost Cost(BenchmarkReport report)
    {
        string stage = report.BenchmarkCase.Descriptor.WorkloadMethod.Name;
        return new StageCost(
            stage, report.ResultStatistics!.Median / 1000, report.ResultStatistics.StandardError / 1000,
            report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase) ?? 0, Allowed[stage]);
    }

    private sealed record StageCost(string Stage, double Microseconds, double Error, long Bytes, long Allowed);
}
