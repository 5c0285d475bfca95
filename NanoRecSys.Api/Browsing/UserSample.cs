using NanoRecSys.Api.Models;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Api.Browsing;

/// <summary>Some users of a model with their embeddings, so that what holds for all of them can be estimated soon.</summary>
/// <param name="Members">[S]</param>
public sealed record UserSample(IReadOnlyList<SampledUser> Members)
{
    /// <summary>A share of 5% is then known to within 3 percentage points, 19 times of 20.</summary>
    public const int Size = 200;

    private const int Batch = 20; // histories of one run: more would not be faster, and take memory

    /// <summary>Evenly spread over the user ids, and the same each time.</summary>
    public static UserSample Draw(ModelSnapshot model)
    {
        ArgumentNullException.ThrowIfNull(model);
        int[] known = [.. Enumerable.Range(0, model.Histories.UserCount).Where(position => model.Histories.At(position).Length > 0)];
        int size = Math.Min(Size, known.Length);
        int[] positions = [.. Enumerable.Range(0, size).Select(i => known[(int)((long)i * known.Length / size)])];
        return new UserSample([.. positions.Chunk(Batch).SelectMany(chunk => Encode(model, chunk))]);
    }

    private static IEnumerable<SampledUser> Encode(ModelSnapshot model, int[] positions)
    {
        float[][] embeddings = model.UserTowers.Exact.EncodeAll([.. positions.Select(position => new TimedHistory(
            model.Histories.MemoryAt(position), model.Histories.TimesMemoryAt(position), model.DataUntil))]);
        return positions.Zip(embeddings, (position, embedding) => new SampledUser(position, embedding));
    }
}

/// <param name="Position">In the model's histories.</param>
/// <param name="Embedding">[D], of length 1.</param>
public sealed record SampledUser(int Position, float[] Embedding);
