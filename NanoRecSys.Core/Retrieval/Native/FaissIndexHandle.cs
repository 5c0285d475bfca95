using System.Runtime.InteropServices;

namespace NanoRecSys.Core.Retrieval.Native;

/// <summary>A native index; freed when no search uses it any more.</summary>
internal sealed class FaissIndexHandle() : SafeHandle(IntPtr.Zero, ownsHandle: true)
{
    public FaissIndexHandle(IntPtr index)
        : this() => SetHandle(index);

    public override bool IsInvalid => handle == IntPtr.Zero;

    protected override bool ReleaseHandle()
    {
        FaissLibrary.FreeIndex(handle);
        return true;
    }
}
