using System.Text.Json;
using System.Text.RegularExpressions;

namespace NanoRecSys.Benchmarks.Circuits;

/// <summary>What a prerendered page says of the components that the circuit shall take over.</summary>
/// <param name="Bytes">Of the document.</param>
/// <param name="Operations">For the server's <c>UpdateRootComponents</c>.</param>
/// <param name="State">That the server gave to itself through the page.</param>
internal sealed partial record PrerenderedPage(int Bytes, string Operations, string State)
{
    /// <exception cref="InvalidDataException">No interactive component is on the page.</exception>
    public static PrerenderedPage Parse(string html)
    {
        string[] markers = [.. Component().Matches(html).Select(match => match.Groups[1].Value)];
        if (markers.Length == 0)
        {
            throw new InvalidDataException("The page has no interactive component. Is it one of NanoRecSys.Web?");
        }

        IEnumerable<string> operations = markers.Select((marker, i) => $$"""{"type":"add","ssrComponentId":{{i + 1}},"marker":{{JsonDocument.Parse(marker).RootElement.GetRawText()}}}""");
        return new PrerenderedPage(html.Length, $$"""{"batchId":1,"operations":[{{string.Join(',', operations)}}]}""", PersistedState().Match(html).Groups[1].Value);
    }

    [GeneratedRegex("<!--Blazor:(\\{\"type\":\"server\".+?\\})-->")]
    private static partial Regex Component();

    [GeneratedRegex("<!--Blazor-Server-Component-State:(.+?)-->")]
    private static partial Regex PersistedState();
}
