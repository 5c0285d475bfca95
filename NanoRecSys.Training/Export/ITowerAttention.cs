using NanoRecSys.Training.Export.Onnx;

namespace NanoRecSys.Training.Export;

/// <summary>Causal attention in the exported graph.</summary>
internal interface ITowerAttention
{
    /// <param name="name">Of the layer's biases.</param>
    /// <param name="qkv">[B, L, 3D]; scaled queries.</param>
    /// <returns>[B, L, D]</returns>
    OnnxValue EveryPosition(string name, OnnxValue qkv);

    /// <param name="name">Of the layer's biases.</param>
    /// <param name="query">[B, D] of the last position, scaled.</param>
    /// <param name="keys">[B, L, D]</param>
    /// <param name="values">[B, L, D]</param>
    /// <returns>[B, D]</returns>
    OnnxValue LastPosition(string name, OnnxValue query, OnnxValue keys, OnnxValue values);
}
