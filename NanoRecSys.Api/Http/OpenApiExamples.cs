using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.OpenApi;

namespace NanoRecSys.Api;

/// <summary>The examples of docs/api.md, where they belong in the OpenAPI document: a test makes every one of these calls.</summary>
internal static partial class OpenApiExamples
{
    private const string Json = "application/json";
    private const string CutHere = "..."; // what the page shows for the rest of a list

    private static readonly Lazy<Example[]> All = new(() => [.. Calls().Matches(Page()).Select(Read)]);

    /// <summary>Gives parameters and answers the values of the first example that has them.</summary>
    public static void AddTo(Microsoft.OpenApi.OpenApiDocument document)
    {
        foreach ((string template, IOpenApiPathItem path) in document.Paths)
        {
            Regex address = Address(template);
            foreach ((HttpMethod method, OpenApiOperation operation) in path.Operations ?? [])
            {
                foreach (Example example in All.Value.Where(example => example.Method == method && BelongsTo(example.Path, address, document)))
                {
                    AddParameters(operation, example, address.Match(example.Path));
                    AddAnswer(operation, example);
                }
            }
        }
    }

    private static void AddParameters(OpenApiOperation operation, Example example, Match inPath)
    {
        foreach (OpenApiParameter parameter in (operation.Parameters ?? []).OfType<OpenApiParameter>())
        {
            string? value = parameter.In == ParameterLocation.Path ? inPath.Groups[parameter.Name!].Value : example.Query.GetValueOrDefault(parameter.Name!);
            parameter.Example ??= value;
        }
    }

    private static void AddAnswer(OpenApiOperation operation, Example example)
    {
        if (operation.Responses?.TryGetValue(example.Status, out IOpenApiResponse? response) == true
            && response.Content?.TryGetValue(Json, out OpenApiMediaType? content) == true)
        {
            content.Example ??= example.Answer.DeepClone();
        }
    }

    // A literal path is nobody's parameter: /models/pin is not the version "pin".
    private static bool BelongsTo(string path, Regex address, Microsoft.OpenApi.OpenApiDocument document) =>
        address.IsMatch(path) && (!document.Paths.ContainsKey(path) || address.Match(path).Groups.Count == 1);

    private static Regex Address(string template) => new($"^{Parameter().Replace(template, "(?<${name}>[^/]+)")}$");

    private static Example Read(Match call)
    {
        string[] address = call.Groups["address"].Value.Split('?', 2);
        Dictionary<string, string?> query = QueryHelpers.ParseQuery(address.ElementAtOrDefault(1)).ToDictionary(field => field.Key, field => (string?)field.Value);
        JsonNode answer = JsonNode.Parse(call.Groups["answer"].Value)!;
        Complete(answer);
        return new Example(new HttpMethod(call.Groups["method"].Value), address[0], query, call.Groups["status"].Value, answer);
    }

    private static void Complete(JsonNode? node)
    {
        if (node is JsonArray list)
        {
            list.RemoveAll(item => item is JsonValue value && value.TryGetValue(out string? text) && text == CutHere);
        }

        foreach (JsonNode? inner in node is JsonArray array ? array : node is JsonObject fields ? fields.Select(field => field.Value) : [])
        {
            Complete(inner);
        }
    }

    private static string Page()
    {
        using var reader = new StreamReader(typeof(OpenApiExamples).Assembly.GetManifestResourceStream("api.md")!);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }

    [GeneratedRegex(@"^    (?<method>GET|POST|DELETE) (?<address>\S+)\n(?:    \{.*\}\n)?\n    (?<status>\d{3})\n    (?<answer>\{\n(?:      .*\n)+    \})$", RegexOptions.Multiline)]
    private static partial Regex Calls();

    [GeneratedRegex(@"\{(?<name>\w+)\}")]
    private static partial Regex Parameter();

    private sealed record Example(HttpMethod Method, string Path, Dictionary<string, string?> Query, string Status, JsonNode Answer);
}
