using NanoRecSys.Training.Export.Onnx;

namespace NanoRecSys.Training.Export;

/// <summary>One block of the user tower in the exported graph; dropout is absent: it only trains.</summary>
internal interface ITowerBlock
{
    /// <summary>[B, L, D] -> [B, L, D]</summary>
    OnnxValue EveryPosition(int block, OnnxValue x);

    /// <summary>[B, L, D] -> [B, D]: keys and values of every position, the query and all that follows of the last.</summary>
    OnnxValue LastPosition(int block, OnnxValue x);
}
