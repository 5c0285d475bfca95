namespace NanoRecSys.Training.Models.Attention;

/// <summary>What one attention layer does with its projections: softmax over the past, of scores scaled by 1/sqrt(d).</summary>
/// <param name="Heads">H; the width D is a multiple of it.</param>
/// <param name="Dropout">On the weights, in training only.</param>
public sealed record AttentionShape(int Heads, double Dropout);
