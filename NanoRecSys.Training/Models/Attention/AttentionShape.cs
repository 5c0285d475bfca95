namespace NanoRecSys.Training.Models.Attention;

/// <summary>How scores become weights.</summary>
public enum AttentionKind
{
    /// <summary>softmax over the past, of scores scaled by 1/sqrt(d).</summary>
    Softmax,

    /// <summary>silu(score) / L each on its own (Zhai et al., 2024): how much there is to attend to is not normalised away.</summary>
    Pointwise,
}

/// <summary>What one attention layer does with its projections.</summary>
/// <param name="Kind">See there.</param>
/// <param name="Heads">H; the width D is a multiple of it.</param>
/// <param name="MaxLength">L, that pointwise weights are divided by.</param>
/// <param name="Dropout">On the weights, in training only.</param>
public sealed record AttentionShape(AttentionKind Kind, int Heads, int MaxLength, double Dropout);
