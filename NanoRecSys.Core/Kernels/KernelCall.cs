using Microsoft.ML.OnnxRuntime;

namespace NanoRecSys.Core.Kernels;

/// <summary>One call of a kernel: its tensors, in the memory of ONNX Runtime.</summary>
internal readonly unsafe ref struct KernelCall(OrtApi* api, void* context)
{
    private const int MostAxes = 8;

    /// <summary>B, L and W of [B, L, W].</summary>
    /// <exception cref="InvalidDataException">It has other axes.</exception>
    public (int Batch, int Length, int Width) Sequences(int index)
    {
        long* axes = stackalloc long[MostAxes];
        int count = Axes(index, axes);
        return count == 3
            ? ((int)axes[0], (int)axes[1], (int)axes[2])
            : throw new InvalidDataException($"Input {index} has {count} axes, [batch, length, width] is expected.");
    }

    /// <summary>An input of a known shape, so that no kernel reads beyond a tensor of a graph that somebody changed.</summary>
    /// <exception cref="InvalidDataException">It has another number of values.</exception>
    public T* Input<T>(int index, long values)
        where T : unmanaged
    {
        long found = Values(index);
        return found == values
            ? (T*)Data(Tensor(index))
            : throw new InvalidDataException($"Input {index} has {found} values, {values} are expected.");
    }

    /// <summary>How many values an input has.</summary>
    public long Values(int index)
    {
        long* axes = stackalloc long[MostAxes];
        int count = Axes(index, axes);
        long values = 1;
        for (int i = 0; i < count; i++)
        {
            values *= axes[i];
        }

        return values;
    }

    /// <exception cref="InvalidDataException">The width is not a multiple of the side.</exception>
    public static int Multiple(int width, int side) => width > 0 && width % side == 0
        ? width
        : throw new InvalidDataException($"A width of {width} does not fit: it is no multiple of {side}.");

    public T* Output<T>(int index, params ReadOnlySpan<long> shape)
        where T : unmanaged
    {
        void* tensor;
        fixed (long* axes = shape)
        {
            var get = (delegate* unmanaged<void*, nuint, long*, nuint, void**, void*>)api->KernelContext_GetOutput;
            Require(get(context, (nuint)index, axes, (nuint)shape.Length, &tensor));
        }

        return (T*)Data(tensor);
    }

    /// <summary>Three outputs from <paramref name="first"/> on: steps of this shape, their scale, their zero point.</summary>
    public StepTensor Steps(int first, params ReadOnlySpan<long> shape) =>
        new(Output<byte>(first, shape), Output<float>(first + 1), Output<byte>(first + 2));

    private int Axes(int index, long* axes)
    {
        void* info;
        Require(((delegate* unmanaged<void*, void**, void*>)api->GetTensorTypeAndShape)(Tensor(index), &info));
        nuint count;
        Require(((delegate* unmanaged<void*, nuint*, void*>)api->GetDimensionsCount)(info, &count));
        if (count > MostAxes)
        {
            throw new InvalidDataException($"Input {index} has {count} axes, at most {MostAxes} are expected.");
        }

        Require(((delegate* unmanaged<void*, long*, nuint, void*>)api->GetDimensions)(info, axes, count));
        ((delegate* unmanaged<void*, void>)api->ReleaseTensorTypeAndShapeInfo)(info);
        return (int)count;
    }

    private void* Tensor(int index)
    {
        void* tensor;
        Require(((delegate* unmanaged<void*, nuint, void**, void*>)api->KernelContext_GetInput)(context, (nuint)index, &tensor));
        return tensor;
    }

    private void* Data(void* tensor)
    {
        void* data;
        Require(((delegate* unmanaged<void*, void**, void*>)api->GetTensorMutableData)(tensor, &data));
        return data;
    }

    private static void Require(void* status)
    {
        if (status is not null)
        {
            throw new InvalidDataException("ONNX Runtime does not hand over a tensor of the kernel.");
        }
    }
}
