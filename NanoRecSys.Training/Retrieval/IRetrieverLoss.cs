using static TorchSharp.torch;

namespace NanoRecSys.Training.Retrieval;

/// <summary>How far the embeddings after P positions are from the items that followed.</summary>
public interface IRetrieverLoss
{
    /// <summary>
    /// Whether each position's loss depends on nothing but itself: then a step may be computed in parts, by several
    /// threads at once.
    /// </summary>
    bool IsSeparable => false;

    /// <summary>Computes the mean loss and its gradients down to every parameter behind the two inputs.</summary>
    /// <param name="users">[P, D], L2-normalised.</param>
    /// <param name="items">[V, D], L2-normalised.</param>
    /// <param name="targets">[P] int64, the row that followed.</param>
    /// <returns>Mean loss per position, in nats.</returns>
    double Backward(Tensor users, Tensor items, Tensor targets);
}
