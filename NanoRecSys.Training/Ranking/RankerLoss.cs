using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>What the ranker's training minimises.</summary>
public enum RankerLossKind
{
    /// <summary>Binary cross-entropy of each candidate.</summary>
    Bce,

    /// <summary>Each negative is to score a margin below the positive of its position.</summary>
    Margin,

    /// <summary>Bayesian personalised ranking: the log-sigmoid of the difference to the positive.</summary>
    Bpr,

    /// <summary>Softmax over the candidates of a position.</summary>
    Listwise,
}

/// <summary>Losses over lists of candidates of which the first is the positive.</summary>
public static class RankerLoss
{
    /// <summary>In logits.</summary>
    public const double Margin = 1;

    /// <param name="kind">Which loss.</param>
    /// <param name="logits">[P, C]; the positive's is the first.</param>
    /// <param name="isThere">[P, C] bool: false where a list is shorter.</param>
    /// <returns>The mean in nats (margin: in logits) over candidates, pairs or lists.</returns>
    public static Tensor Of(RankerLossKind kind, Tensor logits, Tensor isThere)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentNullException.ThrowIfNull(isThere);
        if (kind == RankerLossKind.Listwise)
        {
            Tensor listed = logits.masked_fill(isThere.logical_not(), float.NegativeInfinity);
            return -nn.functional.log_softmax(listed, 1).select(1, 0).mean();
        }

        if (kind == RankerLossKind.Bce)
        {
            Tensor labels = zeros_like(logits);
            labels.select(1, 0).fill_(1);
            return nn.functional.binary_cross_entropy_with_logits(logits.masked_select(isThere), labels.masked_select(isThere));
        }

        Tensor ahead = (logits.narrow(1, 0, 1) - logits.narrow(1, 1, logits.shape[1] - 1)) // [P, C - 1]
            .masked_select(isThere.narrow(1, 1, logits.shape[1] - 1));
        return kind == RankerLossKind.Margin ? (Margin - ahead).clamp_min(0).mean() : -nn.functional.logsigmoid(ahead).mean();
    }
}
