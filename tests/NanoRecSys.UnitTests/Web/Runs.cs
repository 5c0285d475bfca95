using NanoRecSys.Web.Components.Training;

namespace NanoRecSys.UnitTests.Web;

/// <summary>Literal progress events.</summary>
internal static class Runs
{
    private static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public static ProgressEvent Event(int second, int stage, string name, string state = ProgressEvent.Running) => new()
    {
        Time = Start.AddSeconds(second),
        Run = "20260102-030405-000",
        State = state,
        Stage = name,
        StageNumber = stage,
        StageCount = 3,
    };

    public static RunView Of(params ProgressEvent[] events) => RunView.From(new TrainingStatus("20260102-030405-000", events))!;
}
