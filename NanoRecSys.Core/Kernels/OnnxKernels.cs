using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.OnnxRuntime;

namespace NanoRecSys.Core.Kernels;

/// <summary>
/// Our kernels inside ONNX Runtime, through its C interface for custom operators: no native library of ours is needed. The graphs
/// that <c>export</c> writes in 8 bits for the reference's tower use them.
/// </summary>
public static unsafe partial class OnnxKernels
{
    /// <summary>Of the operators' names in a graph.</summary>
    public const string Domain = "nanorecsys";

    private static readonly FusedKernel[] Kernels =
        [new NormKernel(), new AddNormKernel(), new SwiGluKernel(), new CausalAttentionKernel(), new LastAttentionKernel()];

    private static readonly OrtApi* Api = GetApi();
    private static readonly Lazy<nint> Registered = new(CreateDomain); // lives as long as the process

    /// <summary>Lets sessions with these options run graphs with our operators.</summary>
    /// <exception cref="InvalidOperationException">ONNX Runtime refuses them.</exception>
    public static void AddTo(SessionOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Require(((delegate* unmanaged<nint, nint, void*>)Api->AddCustomOpDomain)(options.DangerousGetHandle(), Registered.Value));
        GC.KeepAlive(options);
    }

    /// <summary>Whether a tower of this width, heads and hidden width suits the kernels, which take 32 or 64 values at a time.</summary>
    public static bool Fit(int width, int heads, int hidden) =>
        width % ByteSteps.Side == 0 && hidden % ByteSteps.Side == 0 && width / heads % AttentionTiles.Side == 0;

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
        operation->GetExecutionProviderType = &ProviderOf; // null: the processor
        operation->GetInputType = &InputTypeOf;
        operation->GetInputTypeCount = &InputCountOf;
        operation->GetOutputType = &OutputTypeOf;
        operation->GetOutputTypeCount = &OutputCountOf;
        operation->KernelDestroy = &Destroy;
        operation->GetInputCharacteristic = &CharacteristicOf;
        operation->GetOutputCharacteristic = &CharacteristicOf;
        operation->GetInputMemoryType = &CharacteristicOf; // 0: the default
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

    /// <summary>A node of a graph: which kernel, and its attribute.</summary>
    private readonly record struct Node(int Kernel, int Heads);

    [UnmanagedCallersOnly]
    private static void* Create(CustomOperator* operation, void* api, void* info, void** node)
    {
        long heads = 0;
        fixed (byte* name = "heads\0"u8)
        {
            void* status = ((delegate* unmanaged<void*, byte*, long*, void*>)Api->KernelInfoGetAttribute_int64)(info, name, &heads);
            if (status is not null)
            {
                ((delegate* unmanaged<void*, void>)Api->ReleaseStatus)(status); // the node has none
            }
        }

        var created = (Node*)NativeMemory.Alloc((nuint)sizeof(Node));
        *created = new Node(operation->Kernel, (int)heads);
        *node = created;
        return null;
    }

    [UnmanagedCallersOnly]
    private static void Destroy(void* node) => NativeMemory.Free(node);

    // No exception may leave into native code: it becomes a status, and that an OnnxRuntimeException for the caller.
    [UnmanagedCallersOnly]
    private static void* Compute(void* node, void* context)
    {
        try
        {
            Node called = *(Node*)node;
            Kernels[called.Kernel].Compute(new KernelCall(Api, context), called.Heads);
            return null;
        }
        catch (Exception e)
        {
            return Status($"{Kernels[((Node*)node)->Kernel].Name}: {e.Message}");
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
            throw new InvalidOperationException("ONNX Runtime does not take the kernels of NanoRecSys; its version is not the one they were written for.");
        }
    }

    private static OrtApi* GetApi() => ((delegate* unmanaged<uint, OrtApi*>)OrtGetApiBase()->GetApi)(CustomOperator.InterfaceVersion);

    [LibraryImport("onnxruntime")]
    [UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    private static partial OrtApiBase* OrtGetApiBase();
}
