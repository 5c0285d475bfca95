using NanoRecSys.Core.Data;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;
using NanoRecSys.Training.Retrieval;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Baselines;

/// <summary>Trains the MLP user tower to tell, at positions of the histories, which item came next.</summary>
internal sealed class MlpUserTowerTrainer : IBaselineTrainer
{
    private readonly MlpUserTowerOptions _options;
    private readonly DataSplit _split;
    private readonly IRetrieverLoss _loss;
    private readonly long _seed;
    private readonly Device _device;
    private readonly MlpUserTower _tower;
    private readonly AdamW _optimizer;

    public MlpUserTowerTrainer(MlpUserTowerOptions options, PreparedData data, IRetrieverLoss loss, long seed, Device device)
    {
        (_options, _split, _loss, _seed, _device) = (options, data.Split, loss, seed, device);
        manual_seed(seed);
        _tower = new MlpUserTower(data.Catalog.Count, options).to(device);
        _optimizer = optim.AdamW(_tower.parameters(), options.LearningRate, weight_decay: 0);
    }

    public int Epochs => _options.Epochs;

    public int Patience => _options.Patience;

    public double? TrainEpoch(int epoch, Action<double> progress, CancellationToken cancellation)
    {
        var random = new Random(unchecked((int)(_seed * 1_000_003 + epoch)));
        manual_seed(random.NextInt64());
        (int User, int Position)[] examples = Examples(random);
        _tower.train();
        double sum = 0;
        for (int start = 0; start < examples.Length; start += _options.BatchPositions)
        {
            cancellation.ThrowIfCancellationRequested();
            ReadOnlySpan<(int, int)> batch = examples.AsSpan(start, Math.Min(_options.BatchPositions, examples.Length - start));
            sum += Step(batch) * batch.Length;
            progress((double)(start + batch.Length) / examples.Length);
        }

        return sum / Math.Max(1, examples.Length);
    }

    public IScorer Open() => new MlpUserTowerScorer(_tower, _options, isOwner: false);

    public void Save(string folder) => BaselineFiles.Write(folder, _options, _tower);

    public void Dispose()
    {
        _optimizer.Dispose();
        _tower.Dispose();
    }

    private double Step(ReadOnlySpan<(int User, int Position)> examples)
    {
        using var scope = NewDisposeScope();
        int length = _options.HistoryLength;
        long[] tokens = new long[examples.Length * length]; // [P, M]
        long[] targets = new long[examples.Length]; // [P]
        for (int p = 0; p < examples.Length; p++)
        {
            ReadOnlySpan<int> items = _split.Train(examples[p].User);
            SequenceBuilder.Fill(items[..examples[p].Position], tokens.AsSpan(p * length, length));
            targets[p] = items[examples[p].Position];
        }

        _optimizer.zero_grad();
        Tensor users = _tower.forward(tensor(tokens, [examples.Length, length], device: _device)); // [P, D]
        double loss = _loss.Backward(users, _tower.ItemEmbeddings(), tensor(targets, device: _device));
        _optimizer.step();
        return loss;
    }

    private (int User, int Position)[] Examples(Random random)
    {
        var examples = new List<(int User, int Position)>();
        for (int user = 0; user < _split.UserCount; user++)
        {
            int positions = _split.Train(user).Length - 1; // nothing comes before the first
            if (positions <= _options.PositionsPerUser)
            {
                examples.AddRange(Enumerable.Range(1, Math.Max(0, positions)).Select(position => (user, position)));
                continue;
            }

            int left = _options.PositionsPerUser;
            for (int position = 1; left > 0; position++)
            {
                // Each of the remaining positions is as likely as the others: selection sampling (Knuth).
                if (random.Next(positions - position + 1) < left)
                {
                    examples.Add((user, position));
                    left--;
                }
            }
        }

        (int User, int Position)[] shuffled = [.. examples];
        random.Shuffle(shuffled);
        return shuffled;
    }
}
