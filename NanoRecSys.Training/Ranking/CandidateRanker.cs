using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>The second stage: scores the candidates of users.</summary>
/// <param name="network">Owned by the caller.</param>
/// <param name="items">Of all items.</param>
/// <param name="signals">Those that the network names.</param>
public sealed class CandidateRanker(RankerNetwork network, ItemFeatureTensors items, SignalReader signals)
{
    internal const int PairsPerPass = 1 << 14; // activations of so many stay in the cache

    /// <param name="users">[B]</param>
    /// <param name="knownItems">Items of this row and later are new: their embeddings, and what is made of them, do not count.</param>
    /// <returns>[B] with the logits.</returns>
    public CandidateList[] Rank(IReadOnlyList<UserCandidates> users, int knownItems = int.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(users);
        network.eval();
        using var noGradient = no_grad();
        var lists = new CandidateList[users.Count];
        for (int start = 0; start < users.Count;)
        {
            int end = start;
            int pairs = 0;
            while (end < users.Count && (end == start || pairs + users[end].Rows.Length <= PairsPerPass))
            {
                pairs += users[end++].Rows.Length;
            }

            UserCandidates[] batch = [.. users.Skip(start).Take(end - start)];
            float[] logits = Score(batch, pairs, knownItems); // [pairs]
            for (int first = 0; start < end; first += users[start++].Rows.Length)
            {
                lists[start] = new CandidateList(users[start].Rows, users[start].Cosines, logits[first..(first + users[start].Rows.Length)]);
            }
        }

        return lists;
    }

    private float[] Score(UserCandidates[] batch, int pairs, int knownItems)
    {
        if (pairs == 0)
        {
            return [];
        }

        using var scope = NewDisposeScope();
        long[] userOf = [.. batch.SelectMany((user, b) => Enumerable.Repeat((long)b, user.Rows.Length))];
        Tensor users = tensor(batch.SelectMany(user => user.User).ToArray(), [batch.Length, batch[0].User.Length]); // [B, D]
        Tensor rows = tensor(batch.SelectMany(user => Array.ConvertAll(user.Rows, row => (long)row)).ToArray()); // [N]
        Tensor unknown = rows.ge(knownItems).to(float32).unsqueeze(1); // [N, 1]
        Tensor? read = signals.Count > 0 ? tensor(ReadSignals(batch, pairs), [pairs, signals.Count]) : null; // [N, S]
        Tensor logits = network.forward(items.Gather(users.index_select(0, tensor(userOf)), rows, unknown, read)); // [N]
        return logits.data<float>().ToArray();
    }

    private float[] ReadSignals(UserCandidates[] batch, int pairs)
    {
        var values = new float[pairs * signals.Count];
        int start = 0;
        foreach (UserCandidates user in batch)
        {
            int length = user.Rows.Length * signals.Count;
            signals.Read(user.History.Span, user.Rows, user.Cosines, values.AsSpan(start, length));
            start += length;
        }

        return values;
    }
}
