namespace NanoRecSys.Core.Artifacts;

/// <summary>What the user tower can be built of.</summary>
public static class BlockKinds
{
    /// <summary>The reference: softmax attention and SwiGLU.</summary>
    public const string Transformer = "transformer";

    /// <summary>The reference with a gate on what each half of a block adds (LiGR).</summary>
    public const string Gated = "gated";

    public static readonly IReadOnlyList<string> All = [Transformer, Gated];
}

/// <summary>How the user tower knows the order of a history.</summary>
public static class Positions
{
    /// <summary>Queries and keys are rotated by their place (RoPE).</summary>
    public const string Rotary = "rotary";

    /// <summary>A learned bias on the scores by the distance between two items.</summary>
    public const string Relative = "relative";

    public static readonly IReadOnlyList<string> All = [Rotary, Relative];
}
