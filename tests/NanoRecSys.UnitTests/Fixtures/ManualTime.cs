namespace NanoRecSys.UnitTests.Fixtures;

/// <summary>A clock that only the test advances.</summary>
internal sealed class ManualTime : TimeProvider
{
    private DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => _now;

    public override long GetTimestamp() => _now.Ticks;

    public void Advance(double seconds) => _now += TimeSpan.FromSeconds(seconds);
}
