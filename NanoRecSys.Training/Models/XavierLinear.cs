using TorchSharp.Modules;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>Linear layers as this network starts them: Xavier-uniform weights, zero biases.</summary>
internal static class XavierLinear
{
    /// <param name="inputs">Width in.</param>
    /// <param name="outputs">Width out.</param>
    /// <param name="hasBias">With a bias?</param>
    /// <param name="gain">Scales the first weights; below one for what is added to the residual stream.</param>
    public static Linear Create(int inputs, int outputs, bool hasBias, double gain = 1)
    {
        Linear linear = nn.Linear(inputs, outputs, hasBias);
        nn.init.xavier_uniform_(linear.weight!, gain);
        if (hasBias)
        {
            nn.init.zeros_(linear.bias!);
        }

        return linear;
    }
}
