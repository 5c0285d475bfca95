using TorchSharp.Modules;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Models;

[Collection(SeededTorch.Name)]
public sealed class KeptScalarAdamWTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(0.01)]
    public void Steps_give_exactly_the_librarys_numbers(double weightDecay)
    {
        using var scope = NewDisposeScope();
        var mine = new Parameter(arange(-6, 6, dtype: float32).reshape(3, 4));
        var theirs = new Parameter(arange(-6, 6, dtype: float32).reshape(3, 4));
        using var kept = new KeptScalarAdamW([mine], 0.01, 0.9, 0.98, weightDecay);
        using AdamW library = optim.AdamW([theirs], 0.01, 0.9, 0.98, weight_decay: weightDecay);

        for (int step = 0; step < 20; step++)
        {
            foreach ((optim.Optimizer optimizer, Parameter parameter) in new (optim.Optimizer, Parameter)[] { (kept, mine), (library, theirs) })
            {
                optimizer.zero_grad();
                parameter.sin().mul(step + 1).sum().backward();
                optimizer.step();
            }
        }

        Assert.Equal(theirs.data<float>().ToArray(), mine.data<float>().ToArray());
    }
}
