using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>What the ranker's training minimises.</summary>
public enum RankerLossKind
{
    /// <summary>Binary cross-entropy of each candidate.</summary>
    Bce,

    /// <summary>Softmax over the candidates of a position.</summary>
    Listwise,
}

/// <summary>Losses over lists of candidates of which the first is the positive.</summary>
public static class RankerLoss
{
    /// <param name="kind">Which loss.</param>
    /// <param name="logits">[P, C]; the positive's is the first.</param>
    /// <param name="isThere">[P, C] bool: false where a list is shorter.</param>
    /// <returns>The mean in nats over candidates or lists.</returns>
    public static Tensor Of(RankerLossKind kind, Tensor logits, Tensor isThere)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentNullException.ThrowIfNull(isThere);
        if (kind == RankerLossKind.Listwise)
        {
            Tensor listed = logits.masked_fill(isThere.logical_not(), float.NegativeInfinity);
            return -nn.functional.log_softmax(listed, 1).select(1, 0).mean();
        }

        Tensor labels = zeros_like(logits);
        labels.select(1, 0).fill_(1);
        return nn.functional.binary_cross_entropy_with_logits(logits.masked_select(isThere), labels.masked_select(isThere));
    }
}
