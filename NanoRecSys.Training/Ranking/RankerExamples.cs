using NanoRecSys.Training.Data;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>Mined candidates with their users' embeddings, ready to be drawn in batches.</summary>
public sealed class RankerExamples : IDisposable
{
    private RankerExamples(Tensor users, Tensor userOf, Tensor items, Tensor labels)
    {
        Users = users;
        UserOf = userOf;
        Items = items;
        Labels = labels;
    }

    /// <summary>[M, D] one embedding per mined position.</summary>
    public Tensor Users { get; }

    /// <summary>[N] int64: each candidate's row of <see cref="Users"/>.</summary>
    public Tensor UserOf { get; }

    /// <summary>[N] int64: each candidate's item row.</summary>
    public Tensor Items { get; }

    /// <summary>[N] 1 for what came, 0 for a negative.</summary>
    public Tensor Labels { get; }

    public long Count => Items.shape[0];

    /// <param name="mined">The candidates of a position stand together, the positions of a user too.</param>
    /// <param name="split">Whose histories the positions are of.</param>
    /// <param name="prefixes">Encodes what was known at each position.</param>
    public static RankerExamples Create(ReadOnlySpan<MinedCandidate> mined, DataSplit split, PrefixEncoder prefixes)
    {
        ArgumentNullException.ThrowIfNull(split);
        ArgumentNullException.ThrowIfNull(prefixes);
        var userOf = new long[mined.Length];
        var items = new long[mined.Length];
        var labels = new float[mined.Length];
        var embeddings = new List<Tensor>();
        long encoded = 0;
        for (int start = 0; start < mined.Length;)
        {
            int user = mined[start].User;
            int first = mined[start].Position;
            int end = start;
            int last = first;
            while (end < mined.Length && mined[end].User == user)
            {
                last = mined[end].Position;
                userOf[end] = encoded + last - first;
                items[end] = mined[end].Item;
                labels[end] = mined[end].Kind == CandidateKind.Positive ? 1 : 0;
                end++;
            }

            // Position p is predicted from the p items before it.
            embeddings.Add(prefixes.Encode(split.Prefix(user, last), last - first + 1));
            encoded += last - first + 1;
            start = end;
        }

        Tensor users = cat(embeddings, 0); // [M, D]
        embeddings.ForEach(part => part.Dispose());
        return new RankerExamples(users, tensor(userOf), tensor(items), tensor(labels));
    }

    public void Dispose()
    {
        Users.Dispose();
        UserOf.Dispose();
        Items.Dispose();
        Labels.Dispose();
    }
}
