using System.Runtime.InteropServices;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Models;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>Mines the positions of one user at a time: nothing is kept from one to the next.</summary>
internal sealed class UserPositions(DataSplit split, UserTower tower, UserEncoder encoder, MineNegativesOptions options, Random random)
{
    private readonly PrefixEncoder _prefixes = new(tower);
    private readonly NegativeMiner _miner = new(options, encoder.Items, random);

    /// <param name="user">Position in the histories.</param>
    /// <returns>The training positions, and the validation item's where the user has one.</returns>
    public (List<MinedPosition> Train, MinedPosition? Validation) Mine(int user)
    {
        ReadOnlySpan<int> train = split.Train(user);
        bool isValidated = split.TryGet(user, HeldOut.Validation, out _, out int target);
        var mined = new List<MinedPosition>();
        MinedPosition? validation = null;

        // After n training items the n-th position is known next; after all of them, the validation item.
        int positions = Math.Min(options.PositionsPerUser + 1, Math.Min(train.Length, encoder.MaxLength));
        if (positions == 0)
        {
            return (mined, null);
        }

        using var scope = NewDisposeScope();
        using Tensor users = _prefixes.Encode(split.Prefix(user, train.Length), positions).cpu(); // [M, D]
        using Tensor scores = encoder.Score(users).cpu(); // [M, D] x [D, V] -> [M, V]
        ReadOnlySpan<float> embeddings = MemoryMarshal.Cast<byte, float>(users.bytes);
        ReadOnlySpan<float> cosines = MemoryMarshal.Cast<byte, float>(scores.bytes); // not copied: it is large
        int dimension = embeddings.Length / positions;
        RowSet seen = new(encoder.Items);
        seen.AddRange(train); // not the held-out ones: a ranker that never met them as negatives would know them by that
        for (int m = 0; m < positions; m++)
        {
            int position = train.Length - positions + m + 1;
            float[] embedding = embeddings.Slice(m * dimension, dimension).ToArray();
            ReadOnlySpan<float> own = cosines.Slice(m * encoder.Items, encoder.Items);
            if (position < train.Length && random.NextDouble() < options.Sample)
            {
                mined.Add(_miner.Mine(user, position, train[position], embedding, own, seen));
            }
            else if (position == train.Length && isValidated)
            {
                validation = _miner.Mine(user, position, target, embedding, own, seen);
            }
        }

        return (mined, validation);
    }
}
