using System.Runtime.InteropServices;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <param name="Positions">Training positions mined.</param>
/// <param name="ValidationPositions">Users whose validation item was mined.</param>
/// <param name="Rows">Candidates written in all.</param>
public sealed record MineNegativesSummary(int Positions, int ValidationPositions, long Rows);

/// <summary>
/// Finds what the ranker learns to tell apart: for positions of the users' histories the item that came, hard
/// negatives that the retriever puts near the top, and random ones; never an item the user has had.
/// </summary>
public static class MineNegativesStep
{
    private const int RowsPerGroup = 1 << 18;

    /// <exception cref="UserErrorException">No prepared data or no retriever.</exception>
    public static async Task<MineNegativesSummary> RunAsync(MineNegativesOptions options, StepContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        using UserTower tower = RetrieverFiles.Read(context.Workspace.RetrieverFolder);
        set_num_threads(context.Threads);
        using var encoder = new UserEncoder(tower);
        var miner = new NegativeMiner(options, data.Catalog.Count, new Random(unchecked((int)context.Seed)));
        var prefixes = new PrefixEncoder(tower);
        int positions = 0;
        int validation = 0;
        long rows = 0;
        var pending = new List<MinedCandidate>(RowsPerGroup);
        Directory.CreateDirectory(Path.GetDirectoryName(context.Workspace.NegativesFile)!);
        string temporary = context.Workspace.NegativesFile + ".tmp";
        await using (NegativesFile file = await NegativesFile.CreateAsync(temporary, context.Cancellation))
        {
            for (int user = 0; user < data.Split.UserCount; user++)
            {
                context.Cancellation.ThrowIfCancellationRequested();
                (int trained, bool isValidated) = MineUser(user, data.Split, options, encoder, prefixes, miner, pending);
                positions += trained;
                validation += isValidated ? 1 : 0;
                if (pending.Count >= RowsPerGroup || user == data.Split.UserCount - 1)
                {
                    rows += pending.Count;
                    await file.WriteAsync(pending, context.Cancellation);
                    pending.Clear();
                }

                context.Progress.Report(new StepProgress { Fraction = (user + 1.0) / data.Split.UserCount });
            }
        }

        File.Move(temporary, context.Workspace.NegativesFile, overwrite: true);
        return new MineNegativesSummary(positions, validation, rows);
    }

    private static (int Trained, bool IsValidated) MineUser(
        int user, DataSplit split, MineNegativesOptions options, UserEncoder encoder, PrefixEncoder prefixes, NegativeMiner miner, List<MinedCandidate> mined)
    {
        ReadOnlySpan<int> train = split.Train(user);
        bool isValidated = split.TryGet(user, HeldOut.Validation, out _, out int target);

        // After n training items the n-th position is known next; after all of them, the validation item.
        int known = Math.Min(train.Length, encoder.MaxLength);
        int positions = Math.Min(options.PositionsPerUser + 1, known);
        if (positions == 0)
        {
            return (0, false);
        }

        using var scope = NewDisposeScope();
        using Tensor users = prefixes.Encode(split.Prefix(user, train.Length), positions); // [M, D]
        using Tensor scores = encoder.Score(users); // [M, D] x [D, V] -> [M, V]
        ReadOnlySpan<float> all = MemoryMarshal.Cast<byte, float>(scores.bytes); // not copied: it is large
        RowSet seen = new(encoder.Items);
        seen.AddRange(split.Histories.At(user)); // the later ones, too: they are positives of other positions
        for (int m = 0; m < positions; m++)
        {
            int position = train.Length - positions + m + 1;
            bool isLast = position == train.Length;
            if (!isLast || isValidated)
            {
                int positive = isLast ? target : train[position];
                miner.Mine(user, position, positive, isLast, all.Slice(m * encoder.Items, encoder.Items), seen, mined);
            }
        }

        return (positions - 1, isValidated);
    }
}
