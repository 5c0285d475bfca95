using System.Numerics.Tensors;
using Microsoft.AspNetCore.Http.HttpResults;
using NanoRecSys.Api.Errors;
using NanoRecSys.Api.Items;
using NanoRecSys.Api.Serving;
using NanoRecSys.Api.Status;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Api.Browsing;

/// <summary>One movie, and all of them on a plane: <c>GET /items/{id}</c>, <c>/items/{id}/audience</c>, <c>/map</c>.</summary>
internal static class ExploreApi
{
    public static void MapExplore(this IEndpointRouteBuilder app)
    {
        app.MapGet("/items/{id}", GetMovie)
            .WithTags("Browsing").WithSummary("What is known of a movie").WithAnswer<MovieDetail>();
        app.MapGet("/items/{id}/audience", GetAudience)
            .WithTags("Browsing").WithSummary("Whom the model would show a movie to, among a sample of users").WithAnswer<MovieAudience>();
        app.MapGet("/map", GetMap)
            .WithTags("Browsing").WithSummary("The item embeddings on a plane, laid out when the version was published").WithAnswer<ItemMap>();
    }

    private static IResult GetMovie(ServedModel served, AddedMovies added, StatusReader status, string id)
    {
        var fields = new UrlFields();
        int movie = fields.Int32("path", "id", id, 0);
        return LookUp.Answer(fields, served, status, model =>
        {
            if (!model.Catalog.TryFind(new ItemId(movie), out ItemIndex index))
            {
                return added.Find(movie) is { } news
                    ? TypedResults.Ok(new MovieDetail(news.ToMovieInfo(), 0, null, model.Catalog.Count, null, null))
                    : Unknown(movie);
            }

            CatalogItem item = model.Catalog[index];
            int place = 1 + model.Catalog.Items.Count(other => other.Count > item.Count);
            return TypedResults.Ok(new MovieDetail(
                item.ToMovieInfo(), item.Count, place, model.Catalog.Count, model.ItemMap?[2 * item.Index], model.ItemMap?[2 * item.Index + 1]));
        });
    }

    private static IResult GetAudience(ServedModel served, StatusReader status, string id)
    {
        var fields = new UrlFields();
        int movie = fields.Int32("path", "id", id, 0);
        return LookUp.Answer(fields, served, status, model =>
            model.Catalog.TryFind(new ItemId(movie), out ItemIndex index) ? TypedResults.Ok(Audience.Of(model, index.Value)) : Unknown(movie));
    }

    private static IResult GetMap(ServedModel served, StatusReader status) =>
        LookUp.Answer(new UrlFields(), served, status, model => model.ItemMap is { } places
            ? TypedResults.Ok(new ItemMap(
                model.Version, model.Artifacts.Manifest.ItemMap!.Method, model.Artifacts.Manifest.ItemMap.Kept,
                [.. model.Catalog.Items.Select(item => new MapPoint(item.ToMovieInfo(), item.Count, places[2 * item.Index], places[2 * item.Index + 1]))]))
            : TypedResults.NotFound(new PlainError($"Version {model.Version} was published without a map. Run 'publish' again.")));

    private static NotFound<PlainError> Unknown(int movie) => TypedResults.NotFound(new PlainError($"Movie {movie} is not in the served model's catalog."));
}

/// <summary>
/// Whom a movie would be shown to. It stands in no table: each sampled user's whole list is computed, by the cosine that
/// the retriever goes by, and the movie's place in it is looked up.
/// </summary>
internal static class Audience
{
    private const int Shown = 12;

    public static MovieAudience Of(ModelSnapshot model, int row)
    {
        UserSample sample = model.Sample;
        var members = new List<AudienceMember>(sample.Members.Count);
        foreach (SampledUser user in sample.Members)
        {
            ReadOnlySpan<int> history = model.Histories.At(user.Position);
            if (!history.Contains(row))
            {
                members.Add(new AudienceMember(model.Histories.UserIds[user.Position], PlaceOf(model, user.Embedding, history, row), history.Length));
            }
        }

        return new MovieAudience(
            model.Histories.UserCount, sample.Members.Count, sample.Members.Count - members.Count,
            members.Count(member => member.Place <= 10), members.Count(member => member.Place <= 100),
            [.. members.OrderBy(member => member.Place).ThenBy(member => member.UserId).Take(Shown)]);
    }

    // 1 and how many movies that the user has not seen score higher.
    private static int PlaceOf(ModelSnapshot model, float[] user, ReadOnlySpan<int> history, int row)
    {
        float score = TensorPrimitives.Dot(user, model.Items.Row(row));
        int higher = 0;
        for (int other = 0; other < model.Items.Count; other++)
        {
            higher += TensorPrimitives.Dot(user, model.Items.Row(other)) > score ? 1 : 0;
        }

        foreach (int seen in new HashSet<int>(history.ToArray()))
        {
            higher -= TensorPrimitives.Dot(user, model.Items.Row(seen)) > score ? 1 : 0;
        }

        return higher + 1;
    }
}

/// <summary>Some users of a model with their embeddings, so that what holds for all of them can be estimated soon.</summary>
/// <param name="Members">[S]</param>
internal sealed record UserSample(IReadOnlyList<SampledUser> Members)
{
    /// <summary>A share of 5% is then known to within 3 percentage points, 19 times of 20.</summary>
    public const int Size = 200;

    private const int Batch = 20; // histories of one run: more would not be faster, and take memory

    /// <summary>Evenly spread over the user ids, and the same each time.</summary>
    public static UserSample Draw(ModelSnapshot model)
    {
        int[] known = [.. Enumerable.Range(0, model.Histories.UserCount).Where(position => model.Histories.At(position).Length > 0)];
        int size = Math.Min(Size, known.Length);
        int[] positions = [.. Enumerable.Range(0, size).Select(i => known[(int)((long)i * known.Length / size)])];
        return new UserSample([.. positions.Chunk(Batch).SelectMany(chunk => Encode(model, chunk))]);
    }

    private static IEnumerable<SampledUser> Encode(ModelSnapshot model, int[] positions)
    {
        float[] embeddings = model.UserTowers.Exact.Encode([.. positions.Select(position => new TimedHistory(
            model.Histories.MemoryAt(position), model.Histories.TimesMemoryAt(position), model.DataUntil))]); // [B, D]
        return positions.Zip(embeddings.Chunk(model.Items.Dimension), (position, embedding) => new SampledUser(position, embedding));
    }
}

/// <param name="Position">In the model's histories.</param>
/// <param name="Embedding">[D], of length 1.</param>
internal sealed record SampledUser(int Position, float[] Embedding);
