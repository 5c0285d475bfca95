namespace NanoRecSys.EndToEndTests.Fixtures;

/// <summary>What something of the stack took.</summary>
/// <param name="Clock">By the clock.</param>
/// <param name="Stack">Processor time that the stack used meanwhile.</param>
/// <param name="Others">Processor time that everything else used meanwhile, the tests' browser among it.</param>
public sealed record Took(TimeSpan Clock, TimeSpan Stack, TimeSpan Others)
{
    private const double BrowserCores = 0.5;

    /// <summary>
    /// The clock's time where the stack had the machine to itself. On a machine that others use, too, the clock tells
    /// of them: then it is what the stack used, spread over the two cores that its limits are meant for.
    /// </summary>
    public TimeSpan OnTwoCores => Others < Clock * BrowserCores ? Clock : Stack / 2;

    public override string ToString() =>
        $"{Clock.TotalSeconds:0.0} s by the clock, {Stack.TotalSeconds:0.0} s of processor time beside {Others.TotalSeconds:0.0} s of others";
}
