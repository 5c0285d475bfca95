using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

internal sealed record MineNegativesSummary(int Positions, int ValidationPositions, long Rows);

/// <summary>Collects the ranker's training examples: for positions of the users' histories, the next item, hard negatives that the retriever
/// ranks near the top, and random ones; never an item of the user's history. Streamed with users in random order, so that each part of the file is
/// a random sample.</summary>
/// <remarks>A held-out item may be drawn as a negative for its own user's training positions: excluding it would leak it.</remarks>
internal static class MineNegativesStep
{
    public static async Task<MineNegativesSummary> RunAsync(MineNegativesOptions options, StepContext context)
    {
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        using RetrieverNetwork tower = ModelFolder.ReadRetriever(context.Workspace.RetrieverFolder, data);
        var madeOf = new Dictionary<string, string>
        {
            [Provenance.Data] = data.Hash,
            [Provenance.Retriever] = ModelFolder.HashOf(context.Workspace.RetrieverFolder)!,
        };
        set_num_threads(context.Threads); // only applies to the current thread: set again after every await
        using var encoder = new UserEncoder(tower);
        var random = new Random(unchecked((int)context.Seed));
        int[] order = [.. Enumerable.Range(0, data.Split.UserCount)];
        random.Shuffle(order);
        var positions = new UserPositions(data.Split, encoder, options, random);
        (int trained, int validated, long candidates) = (0, 0, 0);
        Directory.CreateDirectory(Path.GetDirectoryName(context.Workspace.NegativesFile)!);
        using AtomicFile trainFile = new(context.Workspace.NegativesFile);
        using AtomicFile validationFile = new(context.Workspace.ValidationNegativesFile);
        await using (NegativesWriter train = await NegativesWriter.CreateAsync(trainFile.TemporaryPath, madeOf, context.Cancellation))
        await using (NegativesWriter validation = await NegativesWriter.CreateAsync(validationFile.TemporaryPath, madeOf, context.Cancellation))
        {
            foreach ((int done, int user) in order.Index())
            {
                context.Cancellation.ThrowIfCancellationRequested();
                set_num_threads(context.Threads);
                (List<MinedPosition> mined, MinedPosition? held) = positions.Mine(user);
                foreach (MinedPosition position in mined)
                {
                    await train.AddAsync(position, context.Cancellation);
                }

                if (held is not null)
                {
                    await validation.AddAsync(held, context.Cancellation);
                }

                trained += mined.Count;
                validated += held is null ? 0 : 1;
                context.Progress.Report(new ProgressEvent { Fraction = (done + 1.0) / order.Length, Detail = $"{trained:N0} positions" });
            }

            await train.FlushAsync(context.Cancellation);
            await validation.FlushAsync(context.Cancellation);
            candidates = train.Candidates + validation.Candidates;
        }

        trainFile.Commit();
        validationFile.Commit();
        return new MineNegativesSummary(trained, validated, candidates);
    }
}

internal sealed record MineNegativesOptions
{
    /// <summary>Number of the retriever's top items to draw hard negatives from, without repeats.</summary>
    public int Candidates { get; init; } = 100;

    /// <summary>Number of top items to skip: many are items the user would have liked, too.</summary>
    public int Skip { get; init; } = 10;
    public int Hard { get; init; } = 4;
    public int Random { get; init; } = 4;

    /// <summary>Number of most recent training positions to mine per user.</summary>
    public int PositionsPerUser { get; init; } = 50;

    /// <summary>Share of these positions to mine, drawn at random; all validation positions are mined.</summary>
    public double Sample { get; init; } = 1;
}

internal sealed class NegativeMiner(MineNegativesOptions options, int items, Random random)
{
    private readonly Candidate[] _heap = new Candidate[options.Candidates];

    /// <param name="embedding">[D] the user's embedding before the position.</param>
    /// <param name="scores">[V] the retriever's scores before the position.</param>
    /// <param name="seen">Items that are no negatives; the same before and after.</param>
    public MinedPosition Mine(int user, int position, int positive, float[] embedding, ReadOnlySpan<float> scores, RowSet seen)
    {
        bool isNew = seen.Add(positive);
        int[] hard = DrawHard(scores, seen);
        int[] drawn = [.. Enumerable.Range(0, seen.Count < items ? options.Random : 0).Select(_ => DrawUnseen(seen))];
        seen.RemoveRange(isNew ? [positive] : []);
        int[] rows = [positive, .. hard, .. drawn];
        var cosines = new float[rows.Length];
        for (int i = 0; i < rows.Length; i++)
        {
            cosines[i] = scores[rows[i]];
        }

        return new MinedPosition(
            user, position, embedding, rows,
            [CandidateKind.Positive, .. hard.Select(_ => CandidateKind.Hard), .. drawn.Select(_ => CandidateKind.Random)], cosines);
    }

    private int[] DrawHard(ReadOnlySpan<float> scores, RowSet seen)
    {
        Span<Candidate> near = UserCandidates.Best(scores, seen, _heap);
        near = near[Math.Min(options.Skip, near.Length)..];
        int drawn = Math.Min(options.Hard, near.Length);
        var rows = new int[drawn];
        for (int i = 0; i < drawn; i++)
        {
            // The first places of a shuffle, so without repeats.
            int other = random.Next(i, near.Length);
            (near[i], near[other]) = (near[other], near[i]);
            rows[i] = near[i].Row;
        }

        return rows;
    }

    private int DrawUnseen(RowSet seen)
    {
        while (true)
        {
            int row = random.Next(items);
            if (!seen.Contains(row))
            {
                return row;
            }
        }
    }
}

/// <summary>The retriever's top items for one user, with the ranker's logits.</summary>
/// <param name="Rows">[K] item rows, in the retriever's order.</param>
/// <param name="Cosines">[K] the retriever's scores.</param>
/// <param name="Logits">[K] the ranker's.</param>
internal sealed record CandidateList(int[] Rows, float[] Cosines, float[] Logits)
{
    /// <summary>[K] logit + weight * cosine; the served score is its sigmoid, which preserves the order.</summary>
    public float[] Fuse(double retrieverWeight)
    {
        var scores = new float[Rows.Length];
        for (int i = 0; i < scores.Length; i++)
        {
            scores[i] = Logits[i] + (float)retrieverWeight * Cosines[i];
        }

        return scores;
    }

    /// <summary>1-based rank of an item under a fused score; <see cref="int.MaxValue"/> if it is not a candidate.</summary>
    /// <param name="excluded">Places in the list that do not count.</param>
    public int RankOf(int target, double retrieverWeight, params ReadOnlySpan<int> excluded) =>
        Array.IndexOf(Rows, target) is var place and >= 0 ? TargetRank.Of(Fuse(retrieverWeight), place, excluded) : int.MaxValue;
}

/// <summary>The retriever's top items for one user, before ranking.</summary>
/// <param name="User">[D] the user's embedding.</param>
/// <param name="Rows">[K] item rows, in the retriever's order.</param>
/// <param name="Cosines">[K] the retriever's scores.</param>
internal sealed record UserCandidates(ReadOnlyMemory<int> History, float[] User, int[] Rows, float[] Cosines)
{
    /// <summary>The first stage as in serving: the retriever's top K items outside the user's history.</summary>
    /// <param name="histories">[B] item rows, oldest first.</param>
    /// <param name="candidates">K</param>
    /// <param name="leftOut">Number of most recent history items that are no candidates.</param>
    /// <returns>[B] lists of up to K.</returns>
    public static UserCandidates[] Find(BatchEncoder encoder, IReadOnlyList<TimedHistory> histories, int candidates, int leftOut = int.MaxValue)
    {
        ReadOnlySpan<float> cosines = encoder.Cosines(histories); // [B, V]
        using Tensor users = encoder.Users!.cpu(); // [B, D]
        ReadOnlySpan<float> embeddings = MemoryMarshal.Cast<byte, float>(users.bytes);
        int dimension = (int)users.shape[1];
        var lists = new UserCandidates[histories.Count];
        for (int b = 0; b < lists.Length; b++)
        {
            RowSet excluded = new(encoder.Items);
            excluded.AddRange(histories[b].Last(leftOut).Items.Span);
            Candidate[] best = [.. Best(cosines.Slice(b * encoder.Items, encoder.Items), excluded, new Candidate[candidates])];
            lists[b] = Of(histories[b].Items, embeddings.Slice(b * dimension, dimension).ToArray(), best);
        }

        return lists;
    }

    /// <param name="scores">[V]</param>
    /// <param name="heap">[K]</param>
    /// <returns>The K highest scores that are not excluded, best first; a part of <paramref name="heap"/>.</returns>
    public static Span<Candidate> Best(ReadOnlySpan<float> scores, RowSet excluded, Span<Candidate> heap)
    {
        var best = new TopK(heap);
        for (int row = 0; row < scores.Length; row++)
        {
            if (scores[row] >= best.Threshold && !excluded.Contains(row))
            {
                best.Offer(row, scores[row]);
            }
        }

        return heap[..best.SortBestFirst()];
    }

    public static UserCandidates Of(ReadOnlyMemory<int> history, float[] user, Candidate[] best) =>
        new(history, user, Array.ConvertAll(best, candidate => candidate.Row), Array.ConvertAll(best, candidate => candidate.Score));
}

/// <summary>Mines the positions of one user at a time, without state between users.</summary>
internal sealed class UserPositions(DataSplit split, UserEncoder encoder, MineNegativesOptions options, Random random)
{
    private readonly NegativeMiner _miner = new(options, encoder.Items, random);

    public (List<MinedPosition> Train, MinedPosition? Validation) Mine(int user)
    {
        ReadOnlySpan<int> train = split.Train(user);
        bool isValidated = split.TryGet(user, HeldOut.Validation, out HeldOutCase heldOut);
        var mined = new List<MinedPosition>();
        MinedPosition? validation = null;

        // After n training items, the target is position n; after all of them, the validation item.
        int positions = Math.Min(options.PositionsPerUser + 1, Math.Min(train.Length, encoder.MaxLength));
        if (positions == 0)
        {
            return (mined, null);
        }

        using var scope = NewDisposeScope();
        using Tensor users = encoder.EncodeLast(split.Prefix(user, train.Length), positions).cpu(); // [M, D]
        using Tensor scores = encoder.Score(users).cpu(); // [M, D] x [D, V] -> [M, V]
        ReadOnlySpan<float> embeddings = MemoryMarshal.Cast<byte, float>(users.bytes);
        ReadOnlySpan<float> cosines = MemoryMarshal.Cast<byte, float>(scores.bytes); // not copied, since it is large
        int dimension = embeddings.Length / positions;
        RowSet seen = new(encoder.Items);
        seen.AddRange(train); // not the held-out ones: their absence among the negatives would reveal them to the ranker
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
                validation = _miner.Mine(user, position, heldOut.Target, embedding, own, seen);
            }
        }

        return (mined, validation);
    }
}
