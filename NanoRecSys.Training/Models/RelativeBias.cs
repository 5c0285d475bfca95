using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Models.Attention;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>A layer's learned bias by distance in items and, where the data has times, in time; all zero at first.</summary>
public sealed class RelativeBias : nn.Module
{
    [ComponentName(Name = "distance")]
    private readonly Parameter _distance; // [H, L]
    [ComponentName(Name = "time")]
    private readonly Parameter? _time; // [H, T]

    public RelativeBias(ModelInfo model)
        : base(nameof(RelativeBias))
    {
        ArgumentNullException.ThrowIfNull(model);
        _distance = new Parameter(zeros(model.Heads, model.MaxLength));
        if (model.TimeBias)
        {
            _time = new Parameter(zeros(model.Heads, TimeBuckets.Count));
        }

        RegisterComponents();
    }

    public BiasTables Tables => new(_distance, _time);
}
