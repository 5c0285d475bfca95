using NanoRecSys.Training.Data;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>Mined positions as tensors: each with a list of candidates, the one that came first.</summary>
public sealed class RankerExamples : IDisposable
{
    private RankerExamples(Tensor users, Tensor items, Tensor kinds, Tensor? signals) =>
        (Users, Items, Kinds, Signals) = (users, items, kinds, signals);

    /// <summary>[P, D] the users' embeddings.</summary>
    public Tensor Users { get; }

    /// <summary>[P, C] int64 candidate rows; -1 where a list is shorter.</summary>
    public Tensor Items { get; }

    /// <summary>[P, C] int64 <see cref="CandidateKind"/>; -1 where a list is shorter.</summary>
    public Tensor Kinds { get; }

    /// <summary>[P, C, S], or null where the ranker reads none.</summary>
    public Tensor? Signals { get; }

    /// <summary>P</summary>
    public long Positions => Items.shape[0];

    /// <summary>C</summary>
    public long Candidates => Items.shape[1];

    /// <param name="mined">P positions.</param>
    /// <param name="split">Whose histories they are of.</param>
    /// <param name="reader">Of the signals.</param>
    public static RankerExamples Create(IReadOnlyList<MinedPosition> mined, DataSplit split, SignalReader reader)
    {
        ArgumentNullException.ThrowIfNull(mined);
        ArgumentNullException.ThrowIfNull(split);
        ArgumentNullException.ThrowIfNull(reader);
        int longest = mined.Max(position => position.Items.Length);
        int dimension = mined[0].Embedding.Length;
        var users = new float[mined.Count * dimension];
        var items = new long[mined.Count * longest];
        var kinds = new long[mined.Count * longest];
        var signals = new float[mined.Count * longest * reader.Count];
        Array.Fill(items, -1);
        Array.Fill(kinds, -1);
        Parallel.For(0, mined.Count, p =>
        {
            MinedPosition position = mined[p];
            position.Embedding.CopyTo(users, p * dimension);
            for (int c = 0; c < position.Items.Length; c++)
            {
                items[p * longest + c] = position.Items[c];
                kinds[p * longest + c] = (long)position.Kinds[c];
            }

            reader.Read(
                split.Items(position.User)[..position.Position], position.Items, position.Cosines,
                signals.AsSpan(p * longest * reader.Count, position.Items.Length * reader.Count));
        });
        return new RankerExamples(
            tensor(users, [mined.Count, dimension]), tensor(items, [mined.Count, longest]), tensor(kinds, [mined.Count, longest]),
            reader.Count > 0 ? tensor(signals, [mined.Count, longest, reader.Count]) : null);
    }

    /// <summary>Some of the positions.</summary>
    /// <param name="positions">[B] int64.</param>
    public RankerExamples Select(Tensor positions) => new(
        Users.index_select(0, positions), Items.index_select(0, positions), Kinds.index_select(0, positions), Signals?.index_select(0, positions));

    public void Dispose()
    {
        Users.Dispose();
        Items.Dispose();
        Kinds.Dispose();
        Signals?.Dispose();
    }
}
