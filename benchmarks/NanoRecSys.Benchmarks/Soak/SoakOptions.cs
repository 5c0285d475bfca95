namespace NanoRecSys.Benchmarks.Soak;

/// <param name="Artifacts">Folder with a published version.</param>
/// <param name="Api">The API's program, <c>NanoRecSys.Api.dll</c>.</param>
/// <param name="Duration">How long the load lasts.</param>
/// <param name="Workers">Clients that each send one request after the other.</param>
/// <param name="FaultEvery">Between two faults; zero for none.</param>
/// <param name="MaxGrowth">Share by which the API's memory may grow between the run's second and last quarter.</param>
/// <param name="Json">End with one line of JSON.</param>
internal sealed record SoakOptions(string Artifacts, string Api, TimeSpan Duration, int Workers, TimeSpan FaultEvery, double MaxGrowth, bool Json);
