using System.Text.Json;
using System.Text.Json.Serialization;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Core.Items;

/// <summary>A movie that entered the catalog after the model was trained.</summary>
/// <param name="MovieId">Not in the data that the model was trained on.</param>
/// <param name="Title">In reading order, without the year.</param>
/// <param name="Year">Of release, if known.</param>
/// <param name="Genres">Empty where unknown.</param>
/// <param name="Added">Microseconds since 1970: their order.</param>
internal sealed record AddedMovie(EntityId MovieId, string Title, int? Year, IReadOnlyList<string> Genres, long Added)
{
    /// <summary>Where they lie in Redis: a hash from movie id to movie, which like events never expires.</summary>
    public const string Key = "nanorecsys:items";

    /// <summary>A channel: each movie that was just added, in its stored form.</summary>
    public const string Notices = "nanorecsys:items:notices";

    /// <summary>Row and count are not its own yet.</summary>
    public CatalogItem ToCatalogItem() => new(0, MovieId, Title, Genres, 0) { Attributes = ItemAttributes.OfYear(Year) };

    public byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, AddedMovieJson.Default.AddedMovie);

    /// <exception cref="InvalidDataException">Not such a movie.</exception>
    public static AddedMovie Read(ReadOnlySpan<byte> stored)
    {
        try
        {
            AddedMovie movie = JsonSerializer.Deserialize(stored, AddedMovieJson.Default.AddedMovie) ?? throw new InvalidDataException("A stored movie is null.");
            // The serializer takes an absent field for null.
            return movie is { Title: not null, Genres: not null } && movie.MovieId.Text.Length > 0 && !movie.Genres.Contains(null!)
                ? movie
                : throw new InvalidDataException("A stored movie has no id, title or genres.");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"A stored movie cannot be read: {e.Message}", e);
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(AddedMovie))]
internal sealed partial class AddedMovieJson : JsonSerializerContext;
