using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>
/// TorchSharp's AdamW, with the same state and results, but with scalars that outlive the native calls that read them. The library's
/// step passes temporary ones; when other threads allocate, they may be collected during the call ("Unknown scalar type").
/// </summary>
internal sealed class KeptScalarAdamW(IEnumerable<Parameter> parameters, double learningRate, double beta1 = 0.9, double beta2 = 0.999, double weightDecay = 0.01)
    : AdamW(parameters, learningRate, beta1, beta2, eps: Epsilon, weight_decay: weightDecay, amsgrad: false, maximize: false)
{
    private const double Epsilon = 1e-8;

    public override Tensor step(Func<Tensor>? closure = null) => _step<ParamGroup>(Step, closure);

    private void Step(ParamGroup group)
    {
        (double beta1, double beta2) = (group.Options.beta1!.Value, group.Options.beta2!.Value);
        double rate = group.Options.LearningRate!.Value;
        Scalar momentum = beta1, toMomentum = 1 - beta1, square = beta2, toSquare = 1 - beta2, epsilon = Epsilon, decay = 1 - rate * group.Options.weight_decay!.Value;
        foreach (Parameter parameter in group.Parameters)
        {
            if (parameter.grad is not { } gradient)
            {
                continue;
            }

            var state = (State)_state[parameter.Handle];
            state.step++;
            Scalar correction = Math.Sqrt(1 - Math.Pow(beta2, state.step)), size = -rate / (1 - Math.Pow(beta1, state.step));
            parameter.mul_(decay);
            state.exp_avg.mul_(momentum).add_(gradient, toMomentum);
            state.exp_avg_sq.mul_(square).addcmul_(gradient, gradient, toSquare);
            Tensor denominator = state.exp_avg_sq.sqrt().div_(correction).add_(epsilon);
            parameter.addcdiv_(state.exp_avg, denominator, size);
            GC.KeepAlive(correction);
            GC.KeepAlive(size);
        }

        foreach (Scalar scalar in new[] { momentum, toMomentum, square, toSquare, epsilon, decay })
        {
            GC.KeepAlive(scalar);
        }
    }
}
