namespace NanoRecSys.Training.Retrieval;

/// <summary>Linear warm-up, then constant or a cosine down to zero at the last step.</summary>
public sealed record LearningRateSchedule(double Peak, int WarmupSteps, LearningRateDecay Decay, long TotalSteps)
{
    /// <param name="step">0-based.</param>
    public double At(long step)
    {
        if (step < WarmupSteps)
        {
            return Peak * (step + 1) / WarmupSteps;
        }

        if (Decay == LearningRateDecay.None)
        {
            return Peak;
        }

        double done = Math.Clamp((double)(step - WarmupSteps) / Math.Max(1, TotalSteps - WarmupSteps), 0, 1);
        return Peak * 0.5 * (1 + Math.Cos(Math.PI * done));
    }
}
