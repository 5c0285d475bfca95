namespace NanoRecSys.Benchmarks.Circuits;

/// <param name="Url">The page's server.</param>
/// <param name="Path">The page that all look at.</param>
/// <param name="Count">How many circuits at once.</param>
/// <param name="Hold">How long they stay.</param>
/// <param name="ProcessId">Of the page's server on this machine, for its memory; null where it is not asked.</param>
/// <param name="Json">End with one line of JSON.</param>
internal sealed record CircuitsOptions(Uri Url, string Path, int Count, TimeSpan Hold, int? ProcessId, bool Json);
