namespace NanoRecSys.Benchmarks.Load;

internal enum Scenario
{
    Mix,
    Cold,
    Hot,
}

internal sealed record LoadOptions(
    Uri Url, Scenario Scenario, TimeSpan Duration, int Concurrency, double? Rate, int Seed, bool Json);
