using NanoRecSys.Api.Events;
using NanoRecSys.Api.Http;
using NanoRecSys.Api.Items;
using NanoRecSys.Api.Serving;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Items;

namespace NanoRecSys.Api.Endpoints;

/// <summary><c>POST /items</c>: movies that came after the training.</summary>
internal static class ItemsApi
{
    private const int MaxTitle = 300;
    private const int MaxGenres = 20;
    private const int MaxGenre = 40;

    public static void AddItems(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<AddedMovies>();
        builder.Services.AddHostedService(services => services.GetRequiredService<AddedMovies>());
    }

    public static void MapItems(this IEndpointRouteBuilder app) =>
        app.MapPost("/items", PostItem)
            .WithTags("Items")
            .WithSummary("Adds a movie that the model was not trained on")
            .WithDescription(
                "It can be searched for and have events at once. It is recommended where the model has a content map, which places it by title, year " +
                "and genres; 'prepare --events' takes it into the next training. 409: the id is another movie's. Unknown fields are refused.")
            .WithJsonBody<ItemRequest, ItemReceipt>("""{"movie_id": 900001, "title": "The Lighthouse (2019)", "genres": ["Drama", "Horror"]}""")
            .Produces<PlainError>(StatusCodes.Status409Conflict)
            .RequireKey(KeyRole.Write);

    private static async Task<IResult> PostItem(
        HttpContext http, ServedModel served, AddedMovies movies, StatusReader status, TimeProvider time, CancellationToken cancellationToken)
    {
        BodyFields body = await JsonBody.ReadStrictAsync(http.Request, cancellationToken);
        AddedMovie movie = Read(body, time.GetUtcNow());
        if (body.Errors.Count > 0)
        {
            return TypedResults.UnprocessableEntity(new FieldErrors(body.Errors));
        }

        using SnapshotLease? lease = served.Lease();
        if (lease is null)
        {
            return StatusApi.NotReadyResult(status.Read());
        }

        if (lease.Model.Catalog.TryFind(movie.MovieId, out ItemIndex known))
        {
            return TypedResults.Conflict(new PlainError($"Movie {movie.MovieId} is '{lease.Model.Catalog[known].Title}' of the model's own catalog."));
        }

        try
        {
            (AddedMovie stored, bool isNew) = await movies.AddAsync(movie);
            if (stored.Title != movie.Title)
            {
                return TypedResults.Conflict(new PlainError($"Movie {movie.MovieId} is '{stored.Title}' already."));
            }

            var shown = new MovieInfo(stored.MovieId, stored.Title, stored.Year, stored.Genres);
            return TypedResults.Ok(new ItemReceipt(isNew, shown, lease.Model.ContentMap is not null, http.TraceIdentifier));
        }
        catch (EventStoreException e)
        {
            return EventsApi.StoreAway(http, e);
        }
    }

    private static AddedMovie Read(BodyFields body, DateTimeOffset now)
    {
        EntityId id = body.Id("movie_id");
        string? text = body.OptionalText("title", MaxTitle);
        if (text is null && !body.Has("title"))
        {
            body.Refuse("title", "Field required", "missing");
        }

        int? year = body.OptionalInt32("year", ItemText.FirstYear, ItemText.LastYear);
        ItemText cleaned = ItemText.Clean(text ?? "", body.OptionalTextList("genres", MaxGenres, MaxGenre), year);
        if (text is not null && cleaned.Title.Length == 0)
        {
            body.Refuse("title", "String should not be blank", "string_too_short");
        }

        body.ForbidOthers();
        return new AddedMovie(id, cleaned.Title, cleaned.Year, cleaned.Genres, now.ToUnixTimeMilliseconds() * 1000);
    }
}
