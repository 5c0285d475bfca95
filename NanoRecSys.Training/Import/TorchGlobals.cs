using NanoRecSys.Training.Export;

namespace NanoRecSys.Training.Import;

/// <summary>A function that a pickle may call: ours, in the place of PyTorch's of that name.</summary>
internal sealed record TorchFunction(Func<object?[], object?> Call);

/// <summary>All names that a pickle may use. Anything else is refused by name and never looked for.</summary>
internal static class TorchGlobals
{
    private static readonly Dictionary<string, object> Known = new()
    {
        ["collections.OrderedDict"] = new TorchFunction(OrderedDict),
        ["torch._utils._rebuild_tensor"] = new TorchFunction(TensorView.Rebuild),
        ["torch._utils._rebuild_tensor_v2"] = new TorchFunction(TensorView.Rebuild),
        ["torch._utils._rebuild_parameter"] = new TorchFunction(Parameter),
        ["torch._utils._rebuild_parameter_with_state"] = new TorchFunction(Parameter),
        ["torch.Size"] = new TorchFunction(arguments => arguments is [var sizes] ? sizes : null),
        ["torch.device"] = new TorchFunction(arguments => arguments is [var name, ..] ? name : null),
        ["torch.DoubleStorage"] = StoredNumber.F64,
        ["torch.FloatStorage"] = StoredNumber.F32,
        ["torch.HalfStorage"] = StoredNumber.F16,
        ["torch.BFloat16Storage"] = StoredNumber.BF16,
        ["torch.LongStorage"] = StoredNumber.I64,
        ["torch.IntStorage"] = StoredNumber.I32,
        ["torch.ShortStorage"] = StoredNumber.I16,
        ["torch.CharStorage"] = StoredNumber.I8,
        ["torch.ByteStorage"] = StoredNumber.U8,
        ["torch.BoolStorage"] = StoredNumber.BOOL,
    };

    /// <exception cref="InvalidDataException">Not one of the few.</exception>
    public static object Find(string module, string name) => Known.TryGetValue($"{module}.{name}", out object? global)
        ? global
        : throw new InvalidDataException(
            $"it names {PrintableName.Of($"{module}.{name}")}, and only dictionaries of tensors are read. Save it in PyTorch with torch.save(model.state_dict(), path).");

    // PyTorch gives it no arguments; the items follow one by one.
    private static Dictionary<string, object?> OrderedDict(object?[] arguments) => arguments is []
        ? []
        : throw new InvalidDataException("its ordered dictionary is built in a way that PyTorch does not use.");

    private static TensorView Parameter(object?[] arguments) => arguments is [TensorView tensor, ..]
        ? tensor
        : throw new InvalidDataException("a parameter in it holds no tensor.");
}
