using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace NanoRecSys.IntegrationTests.Api;

/// <summary>Checks the examples of docs/api.md: each call is made, in order, and must be answered as shown there.</summary>
public sealed partial class ApiDocumentTests(TrainedArtifacts trained) : IDisposable
{
    // Version names depend on their content: the two on the page are replaced by those of this test.
    private const string PageNewer = "fa734db1589c";
    private const string PageOlder = "2b2be9998708";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [GeneratedRegex(@"^    (?<method>GET|POST|PUT|PATCH|DELETE) (?<path>\S+)\n(?:    (?<body>\{.*\})\n)?\n    (?<status>\d{3})\n    \{\n(?<answer>(?:      .*\n)+)    \}$", RegexOptions.Multiline)]
    private static partial Regex Examples();

    [GeneratedRegex("^      \"(?<name>[a-z0-9_]+)\":", RegexOptions.Multiline)]
    private static partial Regex TopFields();

    [Fact]
    public async Task Every_example_is_answered_with_its_status_and_its_fields()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        StepContext context = await trained.CopyAsync(_folder.Path);
        string older = context.Workspace.Store.ReadCurrent()!;
        string newer = (await PublishStep.RunAsync(new PublishOptions { Ranker = RankerUse.Always, ServeSplit = ServeSplit.Train }, context)).Version;
        await using ApiServer api = await ApiServer.StartAsync(context.Workspace.Store, cache.ConnectionString);
        string page = await File.ReadAllTextAsync(Path.Combine(RepositoryFolder.Root, "docs", "api.md"), TestContext.Current.CancellationToken);
        MatchCollection examples = Examples().Matches(page.Replace(PageNewer, newer, StringComparison.Ordinal).Replace(PageOlder, older, StringComparison.Ordinal));
        Assert.True(examples.Count >= 20, $"{examples.Count} examples were found.");
        foreach (Match example in examples)
        {
            using var request = new HttpRequestMessage(new HttpMethod(example.Groups["method"].Value), new Uri(example.Groups["path"].Value, UriKind.Relative));
            if (example.Groups["body"].Success)
            {
                request.Content = new StringContent(example.Groups["body"].Value, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
            }

            using HttpResponseMessage response = await api.Client.SendAsync(request, TestContext.Current.CancellationToken);

            JsonElement answer = await response.BodyAsync();
            Assert.True(example.Groups["status"].Value == $"{(int)response.StatusCode}", $"{example.Value}\n{answer}");
            Assert.Equal(TopFields().Matches(example.Groups["answer"].Value).Select(field => field.Groups["name"].Value).Order(StringComparer.Ordinal), answer.Names());
            await api.ServeAsync(api.Store.ReadPinned() ?? api.Store.ReadCurrent()!); // an activated version is served with a short delay
        }
    }

    [Fact]
    public async Task The_OpenAPI_document_shows_the_examples_of_this_page()
    {
        ApiServer api = await SharedServers.Empty;
        JsonElement paths = (await api.GetAsync("/openapi/v1.json")).GetProperty("paths");
        string page = await File.ReadAllTextAsync(Path.Combine(RepositoryFolder.Root, "docs", "api.md"), TestContext.Current.CancellationToken);
        foreach (JsonProperty path in paths.EnumerateObject())
        {
            var address = new Regex($"^{Regex.Replace(path.Name, @"\{\w+\}", "[^/]+")}$");
            foreach (JsonProperty call in path.Value.EnumerateObject())
            {
                foreach (JsonProperty response in call.Value.GetProperty("responses").EnumerateObject())
                {
                    // The first on the page; a literal path does not match a parameter: /models/pin is not the version "pin".
                    string? expected = Examples().Matches(page)
                        .Where(example => example.Groups["method"].Value.Equals(call.Name, StringComparison.OrdinalIgnoreCase) && example.Groups["status"].Value == response.Name)
                        .Where(example => address.IsMatch(example.Groups["path"].Value.Split('?')[0]))
                        .FirstOrDefault(example => example.Groups["path"].Value.Split('?')[0] == path.Name || !paths.TryGetProperty(example.Groups["path"].Value.Split('?')[0], out _))
                        ?.Groups["answer"].Value;
                    if (expected is not null)
                    {
                        JsonElement shown = response.Value.GetProperty("content").GetProperty("application/json").GetProperty("example");
                        // On the page, "..." replaces the rest of a list.
                        Assert.True(
                            JsonNode.DeepEquals(Complete(JsonNode.Parse($"{{{expected}}}")!), JsonNode.Parse(shown.GetRawText())),
                            $"{call.Name} {path.Name} {response.Name}: NanoRecSys.Api/Http/openapi-examples.json has {shown}, docs/api.md {expected}");
                    }
                }
            }
        }
    }

    private static JsonNode Complete(JsonNode node)
    {
        if (node is JsonArray list)
        {
            list.RemoveAll(item => item is JsonValue value && value.TryGetValue(out string? text) && text == "...");
        }

        foreach (JsonNode? inner in node is JsonArray array ? array : node is JsonObject fields ? fields.Select(field => field.Value) : [])
        {
            _ = inner is null ? null : Complete(inner);
        }

        return node;
    }

    [Fact]
    public async Task The_OpenAPI_document_describes_every_call_with_an_example_for_every_body_parameter_and_answer()
    {
        ApiServer api = await SharedServers.Empty;

        JsonElement paths = (await api.GetAsync("/openapi/v1.json")).GetProperty("paths");

        string[] calls = [.. paths.EnumerateObject().SelectMany(path => path.Value.EnumerateObject().Select(call => $"{call.Name} {path.Name}")).Order(StringComparer.Ordinal)];
        Assert.Equal(
            [
                "delete /items/{id}", "delete /models/pin", "delete /users/{id}", "delete /users/{id}/events", "delete /users/{id}/events/{key}", "get /catalog", "get /catalog/data", "get /debug/host", "get /debug/status", "get /debug/telemetry", "get /events", "get /health", "get /healthz", "get /items", "get /items/{id}", "get /items/{id}/audience", "get /items/{id}/lists", "get /items/{id}/similar", "get /map", "get /models", "get /models/current", "get /models/{version}/plots/{name}", "get /outcomes",
                "get /readyz", "get /rules", "get /training/progress", "get /training/runs", "get /users", "get /users/{id}/history", "get /users/{id}/lists", "patch /items/{id}", "post /events", "post /items",
                "post /models/rollback", "post /models/{version}/activate", "post /models/{version}/pin", "post /recommend", "post /recommend/session", "post /recommendations", "post /recommendations/preview", "put /items/{id}", "put /rules",
            ],
            calls);
        foreach (string path in (string[])["/recommendations", "/recommendations/preview", "/recommend", "/recommend/session", "/events", "/items"])
        {
            JsonElement body = paths.GetProperty(path).GetProperty("post").GetProperty("requestBody").GetProperty("content").GetProperty("application/json");
            Assert.Equal(JsonValueKind.Object, body.GetProperty("example").ValueKind);
            Assert.True(body.TryGetProperty("schema", out _), path);
        }

        foreach ((JsonProperty path, JsonProperty call) in paths.EnumerateObject().SelectMany(path => path.Value.EnumerateObject().Select(call => (path, call))))
        {
            JsonElement[] parameters = call.Value.TryGetProperty("parameters", out JsonElement list) ? [.. list.EnumerateArray()] : [];
            Assert.All(parameters, parameter => Assert.True(parameter.TryGetProperty("example", out _), $"{call.Name} {path.Name} {parameter}"));
            Assert.True(
                call.Value.GetProperty("responses").EnumerateObject().Any(response =>
                    response.Value.TryGetProperty("content", out JsonElement content) && content.GetProperty("application/json").TryGetProperty("example", out _)),
                $"{call.Name} {path.Name} has no example response.");
        }
    }

    [Theory]
    [InlineData("v1")]
    [InlineData("v1-openapi3.0")]
    public async Task The_OpenAPI_document_gives_generators_a_type_for_every_field_and_a_name_for_every_body(string name)
    {
        ApiServer api = await SharedServers.Empty;

        JsonElement document = await api.GetAsync($"/openapi/{name}.json");

        JsonElement schemas = document.GetProperty("components").GetProperty("schemas");
        string[] bodies =
        [
            .. document.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject()).Where(call => call.Value.TryGetProperty("requestBody", out _))
                .Select(call => call.Value.GetProperty("requestBody").GetProperty("content").GetProperty("application/json").GetProperty("schema").Text("$ref")),
        ];
        Assert.Contains("#/components/schemas/RecommendationsRequest", bodies);
        Assert.All(bodies, body => Assert.True(schemas.TryGetProperty(body.Split('/')[^1], out _), body));
        Assert.Equal("#/components/schemas/EntityId", schemas.GetProperty("RecommendationsRequest").GetProperty("properties").GetProperty("user_id").Text("$ref"));
        Assert.All(schemas.EnumerateObject(), schema => RequireTypes(schema.Value, schema.Name));
    }

    private static void RequireTypes(JsonElement schema, string place)
    {
        string[] kinds = schema.TryGetProperty("type", out JsonElement type) ? type.ValueKind == JsonValueKind.Array ? type.Texts() : [type.GetString()!] : [];
        Assert.True(kinds.Length > 0 || schema.Names().Intersect(["$ref", "oneOf", "enum"]).Any(), $"{place} has no type.");
        Assert.False(kinds.Contains("string") && kinds.Intersect(["integer", "number"]).Any(), $"{place} is both a number and a string.");
        Assert.True(!kinds.Contains("array") || schema.TryGetProperty("items", out _), $"{place} is a list without an item type.");
        foreach (JsonProperty property in schema.TryGetProperty("properties", out JsonElement properties) ? properties.EnumerateObject().ToArray() : [])
        {
            RequireTypes(property.Value, $"{place}.{property.Name}");
        }

        if (schema.TryGetProperty("items", out JsonElement items))
        {
            RequireTypes(items, $"{place}[]");
        }
    }
}
