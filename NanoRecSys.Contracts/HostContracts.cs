namespace NanoRecSys.Contracts;

/// <summary>Answer of <c>GET /debug/host</c>: the process, and the settings that it runs with. Holds no secret.</summary>
/// <param name="Service">The program's name.</param>
/// <param name="Started">When the process began.</param>
/// <param name="Runtime">Of .NET.</param>
/// <param name="System">The operating system.</param>
/// <param name="Processors">That it may use.</param>
/// <param name="WorkingSetBytes">Memory that the process holds.</param>
/// <param name="HeapBytes">Of it, what the garbage collector manages.</param>
/// <param name="Threads">Of the process.</param>
/// <param name="Settings">In force, by name; what may hold a secret is left out or reduced.</param>
public sealed record HostReport(
    string Service, DateTimeOffset Started, string Runtime, string System, int Processors, long WorkingSetBytes, long HeapBytes, int Threads,
    IReadOnlyList<HostSetting> Settings);

/// <param name="Name">As in <c>appsettings.json</c>, with colons.</param>
/// <param name="Value">For people to read.</param>
public sealed record HostSetting(string Name, string Value);
