using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Scalar.AspNetCore;

namespace NanoRecSys.Api.Http;

/// <summary>The description at <c>/openapi/v1.json</c>, the same in an older format, and a page at <c>/scalar</c> for trying it out.</summary>
internal static class OpenApi
{
    private const string Json = "application/json";

    /// <summary>The same description as <c>v1</c> in OpenAPI 3.0, for client generators that do not support 3.1.</summary>
    public const string Older = "v1-openapi3.0";

    public static void AddOpenApiDocument(this WebApplicationBuilder builder)
    {
        foreach (string name in (string[])["v1", Older])
        {
            builder.Services.AddOpenApi(name, options =>
            {
                options.OpenApiVersion = name == Older ? OpenApiSpecVersion.OpenApi3_0 : OpenApiSpecVersion.OpenApi3_1;
                options.AddSchemaTransformer(OpenApiSchemas.DescribeAsync);
                options.AddDocumentTransformer((document, _, _) =>
                {
                    document.Info.Title = "NanoRecSys";
                    document.Info.Description = "Sequential recommendations. Errors are JSON objects with a field 'detail'.";
                    AddExamples(document);
                    OpenApiSchemas.NameTypes(document);
                    foreach (string probe in (string[])["/health", "/healthz"])
                    {
                        document.Paths.Add(probe, Probe());
                    }

                    return Task.CompletedTask;
                });
            });
        }
    }

    public static void MapOpenApiDocument(this IEndpointRouteBuilder app)
    {
        app.MapOpenApi().AddEndpointFilter<IEndpointConventionBuilder, ComputeFilter>(); // it is generated for each request
        // The page's script comes from this server, but its fonts would be downloaded.
        app.MapScalarApiReference(page => page.WithTitle("NanoRecSys").DisableDefaultFonts().DisableTelemetry());
    }

    /// <summary>
    /// Describes a JSON body, which the handler reads itself so that wrong fields are reported in the contract's format, and the
    /// responses common to such calls. Does not use <c>Accepts</c>: routing would parse the content type of every request.
    /// </summary>
    public static RouteHandlerBuilder WithJsonBody<TBody, TAnswer>(this RouteHandlerBuilder endpoint, string example) => endpoint
        .WithAnswer<TAnswer>()
        .AddOpenApiOperationTransformer(async (operation, context, cancellationToken) =>
            operation.RequestBody = new OpenApiRequestBody
            {
                Required = true,
                Content = new Dictionary<string, OpenApiMediaType>
                {
                    [Json] = new() { Schema = await context.GetOrCreateSchemaAsync(typeof(TBody), null, cancellationToken), Example = JsonNode.Parse(example) },
                },
            });

    /// <summary>Describes the responses of a call that needs a model.</summary>
    public static RouteHandlerBuilder WithAnswer<TAnswer>(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<TAnswer>()
        .Produces<FieldErrors>(StatusCodes.Status422UnprocessableEntity)
        .Produces<NotReadyError>(StatusCodes.Status503ServiceUnavailable);

    // The file has the examples of docs/api.md: "METHOD /path" maps to parameter values and to a response for each status.
    private static void AddExamples(OpenApiDocument document)
    {
        using Stream file = typeof(OpenApi).Assembly.GetManifestResourceStream("openapi-examples.json")!;
        JsonNode examples = JsonNode.Parse(file)!;
        foreach ((string path, IOpenApiPathItem item) in document.Paths)
        {
            foreach ((HttpMethod method, OpenApiOperation operation) in item.Operations ?? [])
            {
                if (examples[$"{method} {path}"] is not { } example)
                {
                    continue;
                }

                foreach (OpenApiParameter parameter in (operation.Parameters ?? []).OfType<OpenApiParameter>())
                {
                    parameter.Example = example["parameters"]![parameter.Name!]?.DeepClone();
                }

                foreach ((string status, JsonNode? answer) in example["answers"]!.AsObject())
                {
                    if (operation.Responses?.TryGetValue(status, out IOpenApiResponse? response) == true
                        && response.Content?.TryGetValue(Json, out OpenApiMediaType? content) == true)
                    {
                        content.Example = answer!.DeepClone();
                    }
                }
            }
        }
    }

    // Health checks do not provide a description.
    private static OpenApiPathItem Probe() => new()
    {
        Operations = new()
        {
            [HttpMethod.Get] = new OpenApiOperation
            {
                Summary = "200 while the process is up, regardless of its dependencies",
                Responses = new()
                {
                    ["200"] = new OpenApiResponse
                    {
                        Description = "OK",
                        Content = new Dictionary<string, OpenApiMediaType> { [Json] = new() { Example = JsonNode.Parse("""{"status": "ok"}""") } },
                    },
                },
            },
        },
    };
}
