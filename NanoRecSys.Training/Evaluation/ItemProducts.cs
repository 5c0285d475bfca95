using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Evaluation;

/// <summary>
/// Products of users with all items. The result is kept for the next batch: fresh memory of this size comes
/// from the kernel each time, which cost half as much again as the products (57,289 items, 256 users).
/// </summary>
/// <param name="items">[V, D]; owned by the caller.</param>
public sealed class ItemProducts(Tensor items) : IDisposable
{
    private readonly Tensor _columns = items.t(); // [D, V]
    private Tensor? _products; // [B or more, V]
    private float[] _onCpu = []; // the same, of a GPU's products
    private long _rows; // B

    /// <summary>[B, V] what <see cref="With"/> returned last.</summary>
    public ReadOnlySpan<float> Last => items.device_type == DeviceType.CPU
        // Not data<float>(): copying through TorchSharp's accessor was the larger part of an evaluation's time.
        ? MemoryMarshal.Cast<byte, float>(_products!.bytes)[..(int)(_rows * items.shape[0])]
        : _onCpu;

    /// <param name="users">[B, D]</param>
    /// <returns>[B, V], valid until the next call.</returns>
    public ReadOnlySpan<float> With(Tensor users)
    {
        ArgumentNullException.ThrowIfNull(users);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        if (_products is null || _products.shape[0] < users.shape[0])
        {
            _products?.Dispose();
            _products = empty(users.shape[0], items.shape[0], dtype: float32, device: items.device).DetachFromDisposeScope();
        }

        Tensor rows = _products.slice(0, 0, users.shape[0], 1); // [B, V]
        rows.addmm_(users, _columns, 0, 1); // [B, D] x [D, V] -> [B, V]
        _rows = users.shape[0];
        _onCpu = items.device_type == DeviceType.CPU ? [] : rows.cpu().data<float>().ToArray();
        return Last;
    }

    public void Dispose()
    {
        _products?.Dispose();
        _columns.Dispose();
    }
}
