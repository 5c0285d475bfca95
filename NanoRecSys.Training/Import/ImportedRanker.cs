using System.Text;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Ranking;

namespace NanoRecSys.Training.Import;

/// <summary>A ranker from elsewhere, checked whole; its genres are named once the data is known.</summary>
/// <param name="Layout">Its sizes.</param>
/// <param name="Tensors">Its state dictionary, in the order of the layers.</param>
/// <param name="Genres">Names of the genre rows, where they were given.</param>
/// <param name="Notes">What was stripped.</param>
internal sealed record ImportedRanker(RankerLayout Layout, IReadOnlyList<NamedTensor> Tensors, IReadOnlyList<string>? Genres, IReadOnlyList<string> Notes)
{
    /// <param name="path">Its weights.</param>
    /// <param name="dimension">D of the retriever whose embeddings it is to read.</param>
    /// <param name="genresPath">Names of the genre rows, one a line; null where the data names them.</param>
    /// <exception cref="InvalidDataException">A file cannot be read, or holds no such network.</exception>
    /// <exception cref="UserErrorException">The genres are not as many as the ranker has.</exception>
    public static ImportedRanker Read(string path, int dimension, string? genresPath)
    {
        PretrainedWeights weights = PretrainedWeights.Read(path, RankerLayout.Landmarks);
        RankerLayout layout = RankerLayout.Of(weights, dimension);
        string[]? genres = genresPath is not null ? [.. File.ReadLines(genresPath, Encoding.UTF8).Select(line => line.Trim()).Where(line => line.Length > 0)]
            : weights.Metadata.TryGetValue(WeightsMetadata.Genres, out string? text) && text.Length > 0 ? text.Split('|')
            : null;
        if (genres is not null && (genres.Length != layout.Genres || genres.Distinct().Count() != genres.Length))
        {
            throw new UserErrorException($"{genresPath ?? path} names {genres.Distinct().Count()} different genres, the ranker has rows for {layout.Genres}.");
        }

        return new ImportedRanker(layout, [.. layout.Tensors.Select(tensor => weights.Tensors[tensor.Name])], genres, weights.Notes);
    }

    /// <param name="vocabulary">The data's genres, in alphabetical order.</param>
    /// <param name="notes">Told what was assumed of them.</param>
    /// <exception cref="UserErrorException">The data has more genres than the ranker has rows.</exception>
    public RankerModel NameGenres(IReadOnlyList<string> vocabulary, ICollection<string> notes)
    {
        if (Genres is null && vocabulary.Count > Layout.Genres)
        {
            throw new UserErrorException($"The ranker has rows for {Layout.Genres} genres, the data has {vocabulary.Count}. Give --genres with the names of the rows.");
        }

        if (Genres is null)
        {
            notes.Add($"The ranker's {Layout.Genres} genre rows are taken to be the data's {vocabulary.Count} genres in alphabetical order"
                + (vocabulary.Count < Layout.Genres ? $", the last {Layout.Genres - vocabulary.Count} unused" : "") + "; --genres says otherwise.");
        }

        IEnumerable<string> unused = Enumerable.Range(vocabulary.Count, Math.Max(0, Layout.Genres - vocabulary.Count)).Select(row => $"(row {row})");

        // The weight 0 serves the logits as PyTorch gives them.
        return new RankerModel(Layout.Dimension, Layout.Hidden, Genres ?? [.. vocabulary, .. unused], Dropout: 0, RetrieverWeight: 0);
    }
}
