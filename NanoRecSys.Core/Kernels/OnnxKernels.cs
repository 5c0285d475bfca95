using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.OnnxRuntime;
using NanoRecSys.Core.Onnx;

namespace NanoRecSys.Core.Kernels;

/// <summary>
/// NanoRecSys operators in ONNX Runtime, registered through its C interface for custom operators, without a native library. They are used by the 8-bit
/// graphs that <c>export</c> writes for transformer towers: such a graph is 1.7 to 1.8 times as fast as one with the runtime's own
/// operators (<c>benchmarks encoder</c>, with <c>NANORECSYS_KERNELS=off</c> for comparison; docs/lab/decisions.md). Without 512-bit vectors it would
/// take twice as long as with those, so the operators are then unavailable: exports use the runtime's, and serving uses the graph in 32 bits.
/// </summary>
internal static unsafe partial class OnnxKernels
{
    public const string Domain = "nanorecsys"; // domain of the operators in a graph

    private static readonly FusedKernel[] Kernels =
        [new NormKernel(), new AddNormKernel(), new SwiGluKernel(), new CausalAttentionKernel()];

    private static readonly OrtApi* Api = GetApi();
    private static readonly Lazy<nint> Registered = new(CreateDomain); // lives as long as the process

    /// <summary>Lets sessions with these options run graphs with our operators, if the processor supports them.</summary>
    /// <exception cref="InvalidOperationException">ONNX Runtime refuses them.</exception>
    public static void AddTo(SessionOptions options)
    {
        if (!Vectors512.AreUsed)
        {
            return;
        }

        Require(((delegate* unmanaged<nint, nint, void*>)Api->AddCustomOpDomain)(options.DangerousGetHandle(), Registered.Value));
        GC.KeepAlive(options);
    }

    /// <summary>Whether the operators are available and support a tower of these sizes: multiples of 32 or 64 values.</summary>
    public static bool Fit(int width, int heads, int hidden) =>
        Vectors512.AreUsed && width % ByteSteps.Side == 0 && hidden % ByteSteps.Side == 0 && width / heads % AttentionTiles.Side == 0;

    private static nint CreateDomain()
    {
        nint domain;
        fixed (byte* name = Encoding.UTF8.GetBytes($"{Domain}\0"))
        {
            Require(((delegate* unmanaged<byte*, nint*, void*>)Api->CreateCustomOpDomain)(name, &domain));
        }

        for (int i = 0; i < Kernels.Length; i++)
        {
            Require(((delegate* unmanaged<nint, CustomOperator*, void*>)Api->CustomOpDomain_Add)(domain, Describe(i)));
        }

        return domain;
    }

    private static CustomOperator* Describe(int kernel)
    {
        var operation = (CustomOperator*)NativeMemory.AllocZeroed((nuint)sizeof(CustomOperator));
        operation->Version = CustomOperator.InterfaceVersion;
        operation->GetName = &NameOf;
        operation->GetExecutionProviderType = &ProviderOf; // null means the CPU
        operation->GetInputType = &InputTypeOf;
        operation->GetInputTypeCount = &InputCountOf;
        operation->GetOutputType = &OutputTypeOf;
        operation->GetOutputTypeCount = &OutputCountOf;
        operation->KernelDestroy = &Destroy;
        operation->GetInputCharacteristic = &CharacteristicOf;
        operation->GetOutputCharacteristic = &CharacteristicOf;
        operation->GetInputMemoryType = &CharacteristicOf; // 0 means the default
        operation->CreateKernelV2 = &Create;
        operation->KernelComputeV2 = &Compute;
        operation->GetStartVersion = &FirstVersion;
        operation->GetEndVersion = &LastVersion;
        operation->Kernel = kernel;
        operation->Name = (byte*)Marshal.StringToCoTaskMemUTF8(Kernels[kernel].Name);
        return operation;
    }

    [UnmanagedCallersOnly]
    private static byte* NameOf(CustomOperator* operation) => operation->Name;

    [UnmanagedCallersOnly]
    private static byte* ProviderOf(CustomOperator* operation) => null;

    [UnmanagedCallersOnly]
    private static int InputTypeOf(CustomOperator* operation, nuint index) => (int)Kernels[operation->Kernel].Inputs[index];

    [UnmanagedCallersOnly]
    private static nuint InputCountOf(CustomOperator* operation) => (nuint)Kernels[operation->Kernel].Inputs.Length;

    [UnmanagedCallersOnly]
    private static int OutputTypeOf(CustomOperator* operation, nuint index) => (int)Kernels[operation->Kernel].Outputs[index];

    [UnmanagedCallersOnly]
    private static nuint OutputCountOf(CustomOperator* operation) => (nuint)Kernels[operation->Kernel].Outputs.Length;

    [UnmanagedCallersOnly]
    private static int CharacteristicOf(CustomOperator* operation, nuint index) => 0; // required

    [UnmanagedCallersOnly]
    private static int FirstVersion(CustomOperator* operation) => 1;

    [UnmanagedCallersOnly]
    private static int LastVersion(CustomOperator* operation) => int.MaxValue;

    [UnmanagedCallersOnly]
    private static void* Create(CustomOperator* operation, void* api, void* info, void** node)
    {
        var created = (KernelNode*)NativeMemory.Alloc((nuint)sizeof(KernelNode));
        *created = new KernelNode(operation->Kernel, Attribute(info, "heads\0"u8), Attribute(info, "last\0"u8) == 1);
        *node = created;
        return null;
    }

    /// <summary>A node's attribute; 0 if it has none with that name.</summary>
    private static int Attribute(void* info, ReadOnlySpan<byte> name)
    {
        long value = 0;
        fixed (byte* text = name)
        {
            void* status = ((delegate* unmanaged<void*, byte*, long*, void*>)Api->KernelInfoGetAttribute_int64)(info, text, &value);
            if (status is not null)
            {
                ((delegate* unmanaged<void*, void>)Api->ReleaseStatus)(status);
            }
        }

        return (int)value;
    }

    [UnmanagedCallersOnly]
    private static void Destroy(void* node) => NativeMemory.Free(node);

    // No exception may leave into native code: it becomes a status, which becomes an OnnxRuntimeException for the caller.
    [UnmanagedCallersOnly]
    private static void* Compute(void* node, void* context)
    {
        try
        {
            KernelNode called = *(KernelNode*)node;
            Kernels[called.Kernel].Compute(new KernelCall(Api, context), called);
            return null;
        }
        catch (Exception e)
        {
            return Status($"{Kernels[((KernelNode*)node)->Kernel].Name}: {e.Message}");
        }
    }

    private static void* Status(string message)
    {
        const int Failed = 1;
        fixed (byte* text = Encoding.UTF8.GetBytes($"{message}\0"))
        {
            return ((delegate* unmanaged<int, byte*, void*>)Api->CreateStatus)(Failed, text);
        }
    }

    private static void Require(void* status)
    {
        if (status is not null)
        {
            throw new InvalidOperationException("ONNX Runtime refuses the operators of NanoRecSys, which were written for version 17 of its C interface.");
        }
    }

    private static OrtApi* GetApi() => ((delegate* unmanaged<uint, OrtApi*>)OrtGetApiBase()->GetApi)(CustomOperator.InterfaceVersion);

    [LibraryImport("onnxruntime")]
    [UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    private static partial OrtApiBase* OrtGetApiBase();
}

/// <summary>ONNX Runtime for a server: one thread per call, concurrent calls, and the NanoRecSys operators.</summary>
internal static class OnnxSession
{
    private static readonly Lock Opening = new();

    static OnnxSession() => OrtEnv.Instance().DisableTelemetryEvents(); // Microsoft's Windows builds send usage data by default

    /// <param name="path">A graph file written by <c>export</c>.</param>
    /// <exception cref="InvalidDataException">Not such a graph.</exception>
    public static InferenceSession Open(string path)
    {
        byte[] graph = File.ReadAllBytes(path);
        OnnxCheck.Require(graph, Path.GetFileName(path));
        using var options = new SessionOptions
        {
            IntraOpNumThreads = 1,
            InterOpNumThreads = 1,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
            EnableMemoryPattern = false, // planning for each new length costs more than it saves: 0.67 ms instead of 0.55 ms at length 20
        };
        // Threads that spin between calls take cores from concurrent requests.
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        options.AddSessionConfigEntry("session.inter_op.allow_spinning", "0");
        OnnxKernels.AddTo(options);

        // The first session adds the domain of the operators to a global map, which ONNX Runtime does not lock: two first sessions at once fail.
        lock (Opening)
        {
            return new InferenceSession(graph, options);
        }
    }

    /// <summary>Runs a graph and disposes the inputs.</summary>
    public static IDisposableReadOnlyCollection<OrtValue> Run(InferenceSession session, string[] names, OrtValue[] inputs, string[] outputs)
    {
        try
        {
            using var options = new RunOptions();
            return session.Run(options, names, inputs, outputs);
        }
        finally
        {
            foreach (OrtValue input in inputs)
            {
                input.Dispose();
            }
        }
    }
}

/// <summary>
/// <c>OrtCustomOp</c> of version 17 of ONNX Runtime's C interface, followed by the kernel's number. Null members mean the default.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CustomOperator
{
    public const uint InterfaceVersion = 17;

    public uint Version;
    public void* CreateKernel;
    public delegate* unmanaged<CustomOperator*, byte*> GetName;
    public delegate* unmanaged<CustomOperator*, byte*> GetExecutionProviderType;
    public delegate* unmanaged<CustomOperator*, nuint, int> GetInputType;
    public delegate* unmanaged<CustomOperator*, nuint> GetInputTypeCount;
    public delegate* unmanaged<CustomOperator*, nuint, int> GetOutputType;
    public delegate* unmanaged<CustomOperator*, nuint> GetOutputTypeCount;
    public void* KernelCompute;
    public delegate* unmanaged<void*, void> KernelDestroy;
    public delegate* unmanaged<CustomOperator*, nuint, int> GetInputCharacteristic;
    public delegate* unmanaged<CustomOperator*, nuint, int> GetOutputCharacteristic;
    public delegate* unmanaged<CustomOperator*, nuint, int> GetInputMemoryType;
    public void* GetVariadicInputMinArity;
    public void* GetVariadicInputHomogeneity;
    public void* GetVariadicOutputMinArity;
    public void* GetVariadicOutputHomogeneity;
    public delegate* unmanaged<CustomOperator*, void*, void*, void**, void*> CreateKernelV2;
    public delegate* unmanaged<void*, void*, void*> KernelComputeV2;
    public void* InferOutputShape;
    public delegate* unmanaged<CustomOperator*, int> GetStartVersion;
    public delegate* unmanaged<CustomOperator*, int> GetEndVersion;
    public int Kernel;
    public byte* Name;
}

/// <summary>
/// A NanoRecSys operator in ONNX Runtime: everything between two 8-bit products, in one pass. It reads the sums of one product
/// and writes the quantized input of the next.
/// </summary>
/// <param name="name">The name in the domain <see cref="OnnxKernels.Domain"/>.</param>
internal abstract class FusedKernel(string name, ElementType[] inputs, ElementType[] outputs)
{
    public string Name { get; } = name;
    public ElementType[] Inputs { get; } = inputs;
    public ElementType[] Outputs { get; } = outputs;

    /// <exception cref="InvalidDataException">An input has the wrong shape.</exception>
    public abstract void Compute(KernelCall call, KernelNode node);
}

/// <summary>A node of a graph.</summary>
/// <param name="Heads">Attribute <c>heads</c>; 0 if there is none.</param>
/// <param name="IsLast">Attribute <c>last</c>: whether it outputs only the last position.</param>
internal readonly record struct KernelNode(int Kernel, int Heads, bool IsLast);

internal enum ElementType
{
    Float = 1,
    Byte = 2,
    Int32 = 6,
}

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
            : throw new InvalidDataException($"Input {index} has {count} axes, expected [batch, length, width].");
    }

    /// <summary>An input of a known size, so that no kernel reads beyond the tensors of a modified graph.</summary>
    /// <exception cref="InvalidDataException">The number of values is different.</exception>
    public T* Input<T>(int index, long values)
        where T : unmanaged
    {
        long found = Values(index);
        return found == values
            ? (T*)Data(Tensor(index))
            : throw new InvalidDataException($"Input {index} has {found} values, expected {values}.");
    }

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
        : throw new InvalidDataException($"Width {width} is not a multiple of {side}.");

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

    /// <summary>Three outputs, starting at <paramref name="first"/>: steps of this shape, their scale, their zero point.</summary>
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
            throw new InvalidDataException($"Input {index} has {count} axes, expected at most {MostAxes}.");
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
            throw new InvalidDataException("ONNX Runtime did not return one of the node's tensors.");
        }
    }
}
