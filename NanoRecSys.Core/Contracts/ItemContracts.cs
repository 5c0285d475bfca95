namespace NanoRecSys.Core.Contracts;

/// <summary>Body of <c>POST /items</c>: a movie that the model was not trained on.</summary>
public sealed record ItemRequest
{
    public required EntityId MovieId { get; init; }

    /// <summary>With or without the year, with the article in front or behind: <c>Matrix, The (1999)</c>.</summary>
    public required string Title { get; init; }

    /// <summary>That of the title unless given.</summary>
    public int? Year { get; init; }

    public IReadOnlyList<string>? Genres { get; init; }
}

/// <summary>Answer of <c>POST /items</c>.</summary>
/// <param name="Stored">False where the same movie was added before.</param>
/// <param name="Movie">As it will be shown.</param>
/// <param name="Recommendable">Whether the served model can place it by what is known of it; else it waits for the next training.</param>
/// <param name="RequestId">As in the log.</param>
public sealed record ItemReceipt(bool Stored, MovieInfo Movie, bool Recommendable, string RequestId);
