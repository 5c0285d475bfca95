using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Features;
using NanoRecSys.Core.Kernels;

namespace NanoRecSys.Training.Export;

/// <summary>Computes every item's part of the ranker's first layer, so that no request has to.</summary>
public static class RankerItemParts
{
    private const int RowsPerPass = 4096;

    /// <param name="folder">Holds the ranker's files and the item embeddings; the parts are written beside them.</param>
    /// <param name="ranker">Names the files.</param>
    /// <param name="catalog">V items, with the counts that serving sees.</param>
    public static void Write(string folder, RankerInfo ranker, Catalog catalog)
    {
        ArgumentNullException.ThrowIfNull(ranker);
        ArgumentNullException.ThrowIfNull(catalog);
        var features = new ItemFeatures(catalog, ranker.Genres);
        (float[] embeddings, int dimension) = NpyFile.Read(Path.Combine(folder, ArtifactNames.ItemEmbeddings));
        using var session = OnnxSession.Open(Path.Combine(folder, ranker.Parts.Items));
        var parts = new List<float>();
        for (int first = 0; first < catalog.Count; first += RowsPerPass)
        {
            int[] rows = [.. Enumerable.Range(first, Math.Min(RowsPerPass, catalog.Count - first))];
            parts.AddRange(Run(session, features, rows, embeddings.AsSpan(first * dimension, rows.Length * dimension).ToArray(), dimension));
        }

        NpyFile.Write(Path.Combine(folder, ranker.Parts.ItemParts), [.. parts], parts.Count / Math.Max(1, catalog.Count));
    }

    private static float[] Run(InferenceSession session, ItemFeatures features, int[] rows, float[] embeddings, int dimension)
    {
        float[] genres = [.. rows.SelectMany(row => features.GenresOf(row).ToArray())];
        using OrtValue items = OrtValue.CreateTensorValueFromMemory(embeddings, [rows.Length, dimension]);
        using OrtValue popularity = OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(rows, row => features.Popularity[row]), [rows.Length, 1]);
        using OrtValue years = OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(rows, row => (long)features.Years[row]), [rows.Length]);
        using OrtValue flags = OrtValue.CreateTensorValueFromMemory(genres, [rows.Length, features.Genres.Count]);
        using OrtValue unknown = OrtValue.CreateTensorValueFromMemory(new float[rows.Length], [rows.Length, 1]);
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(
            options, RankerGraph.ItemInputs, [items, popularity, years, flags, unknown], [RankerGraph.ItemPart]);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }
}
