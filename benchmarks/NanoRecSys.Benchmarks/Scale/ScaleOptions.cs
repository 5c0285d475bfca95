using NanoRecSys.Core.Artifacts;

namespace NanoRecSys.Benchmarks.Scale;

/// <param name="Artifacts">The folder to publish into.</param>
/// <param name="Data">A MovieLens-format folder; null generates one.</param>
/// <param name="Users">Of generated data.</param>
/// <param name="Items">Of generated data.</param>
/// <param name="Ratings">Of generated data.</param>
/// <param name="Dimension">D.</param>
/// <param name="Blocks">Of the user tower.</param>
/// <param name="Heads">D is a multiple of it.</param>
/// <param name="FeedForward">Hidden width of SwiGLU.</param>
/// <param name="UserEmbeddings">Whether all users are encoded ahead.</param>
/// <param name="Seed">Of data and weights.</param>
internal sealed record ScaleOptions(
    string Artifacts, string? Data, int Users, int Items, int Ratings, int Dimension, int Blocks, int Heads, int FeedForward, bool UserEmbeddings, int Seed)
{
    private const int MaxLength = 200;

    /// <param name="items">V of the data.</param>
    public ModelInfo Model(int items) => new(
        BlockKinds.Transformer, Dimension, Blocks, Heads, FeedForward, MaxLength, items, RopeBase: 500, Dropout: 0, "full-softmax", 0.05);
}
