using System.Text.Json.Nodes;
using Microsoft.AspNetCore.OpenApi;
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

/// <summary>
/// Makes the description usable for client generators: without it they generate a client without ids, and a separate class for each
/// use of a type.
/// </summary>
internal static class OpenApiSchemas
{
    private const string TypeName = "x-schema-id"; // ASP.NET's annotation with a schema's type

    /// <summary>Describes types with custom converters, and numbers only as numbers, although the framework also reads them from text.</summary>
    public static Task DescribeAsync(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancellationToken)
    {
        Type type = Nullable.GetUnderlyingType(context.JsonTypeInfo.Type) ?? context.JsonTypeInfo.Type;
        if (type == typeof(EntityId))
        {
            schema.OneOf = IdKinds();
        }
        else if (type.IsAssignableTo(typeof(IEnumerable<EntityId>)))
        {
            schema.Items = new OpenApiSchema { OneOf = IdKinds(), Metadata = new Dictionary<string, object> { [TypeName] = nameof(EntityId) } };
        }
        else if (type == typeof(AttributeValue) || type == typeof(JsonNode))
        {
            schema.OneOf =
            [
                new OpenApiSchema { Type = JsonSchemaType.Number, Format = "double" }, new OpenApiSchema { Type = JsonSchemaType.String },
                new OpenApiSchema { Type = JsonSchemaType.Array, Items = new OpenApiSchema { Type = JsonSchemaType.String } },
            ];
        }
        else if (schema.Type is { } types && (types & (JsonSchemaType.Integer | JsonSchemaType.Number)) != 0)
        {
            schema.Type = types & ~JsonSchemaType.String;
            schema.Pattern = null;
        }

        return Task.CompletedTask;
    }

    /// <summary>Replaces inline type descriptions by references, and "null or T" by T, because fields without a value are omitted.</summary>
    public static void NameTypes(OpenApiDocument document)
    {
        foreach (OpenApiSchema schema in document.Components?.Schemas?.Values.OfType<OpenApiSchema>().ToArray() ?? [])
        {
            NameInner(schema, document);
        }

        foreach (OpenApiMediaType body in document.Paths.Values.SelectMany(path => path.Operations ?? [])
            .SelectMany(call => call.Value.RequestBody?.Content?.Values ?? []).Where(body => body.Schema is not null))
        {
            body.Schema = Named(body.Schema!, document);
        }
    }

    private static List<IOpenApiSchema> IdKinds() =>
        [new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64" }, new OpenApiSchema { Type = JsonSchemaType.String }];

    private static IOpenApiSchema Named(IOpenApiSchema schema, OpenApiDocument document)
    {
        if (schema is not OpenApiSchema inPlace)
        {
            return schema;
        }

        if (inPlace.OneOf is [{ Type: JsonSchemaType.Null }, { } value])
        {
            return Named(value, document);
        }

        NameInner(inPlace, document);
        if (inPlace.Metadata?.TryGetValue(TypeName, out object? noted) != true || noted is not string { Length: > 0 } name)
        {
            return schema;
        }

        document.AddComponent(name, inPlace); // unless that name exists
        return new OpenApiSchemaReference(name, document);
    }

    private static void NameInner(OpenApiSchema schema, OpenApiDocument document)
    {
        foreach (string property in schema.Properties?.Keys.ToArray() ?? [])
        {
            schema.Properties![property] = Named(schema.Properties[property], document);
        }

        schema.Items = schema.Items is { } items ? Named(items, document) : null;
        schema.AdditionalProperties = schema.AdditionalProperties is { } values ? Named(values, document) : null;
    }
}
