using System.Text.Json.Nodes;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace NanoRecSys.Api.Http;

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
