using System.Numerics.Tensors;

namespace NanoRecSys.Core.Serving;

/// <summary>
/// The users to whom an item would be shown: each sampled user's whole list is computed, by the cosine and the item lists, to find
/// the item's place in it.
/// </summary>
internal static class Audience
{
    private const int Shown = 12;

    /// <param name="forgotten">Positions of users to leave out.</param>
    public static ItemAudience Of(ModelSnapshot model, int row, IReadOnlySet<int> forgotten)
    {
        SampledUser[] sample = [.. model.Sample.Where(user => !forgotten.Contains(user.Position))];
        var members = new List<AudienceMember>(sample.Length);
        var scores = new float[model.Items.Count]; // [V] for one user at a time
        foreach (SampledUser user in sample)
        {
            ReadOnlySpan<int> history = model.Histories.At(user.Position);
            if (!history.Contains(row))
            {
                members.Add(new AudienceMember(model.Histories.Users[user.Position], PlaceOf(model, user.Embedding, history, row, scores), history.Length));
            }
        }

        return new ItemAudience(
            model.Histories.UserCount, sample.Length, sample.Length - members.Count,
            members.Count(member => member.Place <= 10), members.Count(member => member.Place <= 100),
            [.. members.OrderBy(member => member.Place).ThenBy(member => member.UserId, Comparer<EntityId>.Create(EntityId.Compare)).Take(Shown)]);
    }

    // 1 plus the number of items that are not in the user's history and score higher.
    private static int PlaceOf(ModelSnapshot model, float[] user, ReadOnlySpan<int> history, int row, float[] scores)
    {
        for (int other = 0; other < scores.Length; other++)
        {
            scores[other] = TensorPrimitives.Dot(user, model.Items.Row(other));
        }

        model.Blend?.AddToAll(history, scores);
        float own = scores[row];
        foreach (int seen in history)
        {
            scores[seen] = float.NegativeInfinity;
        }

        return 1 + scores.Count(score => score > own);
    }
}

/// <summary>Users of a model with their embeddings: all of them if that is fast, otherwise a sample for estimates.</summary>
internal static class UserSample
{
    public const int Size = 200; // a share of 5% is then accurate to 3 percentage points, 19 times out of 20
    private const int Batch = 20; // histories per run: more is not faster and takes more memory
    private const int MostEncoded = 2_000; // if the version has no embeddings: takes a second or two, once
    private const long MostProducts = 4_000_000_000; // products of user embeddings and items for one answer: a second on one core

    /// <summary>All users if that is fast, otherwise a fixed sample evenly spread over the user ids.</summary>
    public static SampledUser[] Draw(ModelSnapshot model)
    {
        int[] known = [.. Enumerable.Range(0, model.Histories.UserCount).Where(position => model.Histories.At(position).Length > 0)];
        long affordable = Math.Max(Size, MostProducts / ((long)model.Items.Count * model.Items.Dimension));
        affordable = model.UserEmbeddings is null ? Math.Min(affordable, MostEncoded) : affordable;
        int size = (int)Math.Min(affordable, known.Length);
        int[] positions = [.. Enumerable.Range(0, size).Select(i => known[(int)((long)i * known.Length / size)])];
        return model.UserEmbeddings is { } all
            ? Array.ConvertAll(positions, position => new SampledUser(position, all.Row(position)))
            : [.. positions.Chunk(Batch).SelectMany(chunk => Encode(model, chunk))];
    }

    private static IEnumerable<SampledUser> Encode(ModelSnapshot model, int[] positions)
    {
        float[] embeddings = model.UserTowers.Exact.Encode([.. positions.Select(position => new TimedHistory(
            model.Histories.MemoryAt(position), model.Histories.TimesMemoryAt(position), model.DataUntil))]); // [B, D]
        return positions.Zip(embeddings.Chunk(model.Items.Dimension), (position, embedding) => new SampledUser(position, embedding));
    }
}

/// <param name="Embedding">[D], unit length.</param>
internal sealed record SampledUser(int Position, float[] Embedding);
