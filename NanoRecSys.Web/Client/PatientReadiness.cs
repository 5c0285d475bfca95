namespace NanoRecSys.Web.Client;

/// <summary>
/// Readiness that outlives one poll that nobody answered: a page, and what was typed on it, goes only when the API stays
/// away. The second question follows at once.
/// </summary>
public sealed class PatientReadiness(Func<CancellationToken, Task<Readiness>> ask)
{
    private bool _wasReady;

    public async Task<Readiness> ReadAsync(CancellationToken cancellation)
    {
        Readiness reading = await ask(cancellation);
        if (_wasReady && reading.State == ReadinessState.Away)
        {
            reading = await ask(cancellation);
        }

        _wasReady = reading.State == ReadinessState.Ready;
        return reading;
    }
}
