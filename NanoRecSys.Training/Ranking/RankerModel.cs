namespace NanoRecSys.Training.Ranking;

/// <summary>What a trained ranker is: <c>ranker.json</c>, beside its weights.</summary>
/// <param name="Dimension">D of the retriever whose embeddings it reads.</param>
/// <param name="Hidden">Widths of the hidden layers.</param>
/// <param name="Genres">The vocabulary, in the order of the genre embedding's rows.</param>
/// <param name="Dropout">Rate in training.</param>
/// <param name="RetrieverWeight">Served score = sigmoid(logit + weight * cosine); chosen on validation.</param>
public sealed record RankerModel(
    int Dimension, IReadOnlyList<int> Hidden, IReadOnlyList<string> Genres, double Dropout, double RetrieverWeight)
{
    /// <summary>Of <see cref="Core.Features.RankerSignals.All"/>, in that order; empty in the published layout.</summary>
    public IReadOnlyList<string> Signals { get; init; } = [];

    /// <summary>Of the weights file of the retriever that it was trained for, lower-case hex; null in files of earlier versions.</summary>
    public string? RetrieverSha256 { get; init; }
}
