namespace NanoRecSys.Training.Pipeline;

/// <summary>Shows a step's progress to a person: a bar on a terminal, lines elsewhere.</summary>
public interface IStepDisplay
{
    /// <param name="progress">The newest report.</param>
    /// <param name="remaining">Time left, estimated, where the report tells a fraction.</param>
    void Show(StepProgress progress, TimeSpan? remaining);
}
