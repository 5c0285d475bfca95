using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using NanoRecSys.Api.Errors;
using Scalar.AspNetCore;

namespace NanoRecSys.Api;

/// <summary>The interface's own description at <c>/openapi/v1.json</c>, and a page to try it at <c>/scalar</c>.</summary>
internal static class OpenApiDocument
{
    public static void AddOpenApiDocument(this WebApplicationBuilder builder) =>
        builder.Services.AddOpenApi(options => options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info.Title = "NanoRecSys";
            document.Info.Description = "Sequential movie recommendations. Errors are JSON objects with a field 'detail'.";
            OpenApiExamples.AddTo(document);
            foreach (string probe in (string[])["/health", "/healthz"])
            {
                document.Paths.Add(probe, Probe());
            }

            return Task.CompletedTask;
        }));

    public static void MapOpenApiDocument(this WebApplication app)
    {
        app.MapOpenApi();
        // Its script comes from this server; the fonts would come from the internet.
        app.MapScalarApiReference(page => page.WithTitle("NanoRecSys").DisableDefaultFonts().DisableTelemetry());
    }

    // Health checks are no endpoints that describe themselves.
    private static OpenApiPathItem Probe() => new()
    {
        Operations = new()
        {
            [HttpMethod.Get] = new OpenApiOperation
            {
                Summary = "200 while the process lives, whatever it depends on",
                Responses = new()
                {
                    ["200"] = new OpenApiResponse
                    {
                        Description = "OK",
                        Content = new Dictionary<string, OpenApiMediaType> { ["application/json"] = new() { Example = JsonNode.Parse("""{"status": "ok"}""") } },
                    },
                },
            },
        },
    };

    /// <summary>
    /// Describes a body that the handler reads itself, so that wrong fields are answered in the contract's shape,
    /// and the answers that every such call has.
    /// </summary>
    public static RouteHandlerBuilder WithJsonBody<TBody, TAnswer>(this RouteHandlerBuilder endpoint, string example) => endpoint
        .Produces<TAnswer>()
        .Produces<FieldErrors>(StatusCodes.Status422UnprocessableEntity)
        .Produces<NotReadyError>(StatusCodes.Status503ServiceUnavailable)
        .AddOpenApiOperationTransformer(async (operation, context, cancellationToken) =>
            operation.RequestBody = new OpenApiRequestBody
            {
                Required = true,
                Content = new Dictionary<string, OpenApiMediaType>
                {
                    ["application/json"] = new()
                    {
                        Schema = await context.GetOrCreateSchemaAsync(typeof(TBody), null, cancellationToken),
                        Example = JsonNode.Parse(example),
                    },
                },
            });

    /// <summary>Describes the answers of a call that looks something up.</summary>
    public static RouteHandlerBuilder WithAnswer<TAnswer>(this RouteHandlerBuilder endpoint) => endpoint
        .Produces<TAnswer>()
        .Produces<FieldErrors>(StatusCodes.Status422UnprocessableEntity)
        .Produces<NotReadyError>(StatusCodes.Status503ServiceUnavailable);
}
