using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Stoker.Engine.Kernels.Emitted;
using Stoker.Engine.Native;

namespace Stoker.Engine.Kernels;

/// <summary>
/// What the machine allows at this moment, on all threads of a team: reading from memory, and the products that the
/// kernels are made of. Shared machines change their speed within seconds, so it is measured beside every figure that is
/// to be called a share of it.
/// </summary>
/// <remarks>One measurement takes 2 to 30 ms. Not on two threads at once, nor beside other work of the same team.</remarks>
internal sealed unsafe class MachineProbe : IDisposable
{
    /// <summary>Far beyond the caches that one team sees.</summary>
    private const long DefaultBufferBytes = 512L << 20;

    /// <summary>Vector operations of one call on one thread, some 2 ms.</summary>
    private const int Operations = 16 << 20;

    private readonly ThreadTeam _team;
    private readonly AlignedMemory _buffer;
    private readonly Action<int, int> _read;
    private readonly Action<int, int> _multiplyAdd;
    private readonly Action<int, int> _dotBf16 = static (_, _) => Run(ProbeCode.Shared!.Bf16);
    private readonly Action<int, int> _dotBytes = static (_, _) => Run(ProbeCode.Shared!.Bytes);
    private double _sink; // keeps the sums alive

    public MachineProbe(ThreadTeam team, long bufferBytes = DefaultBufferBytes)
    {
        (_team, _buffer) = (team, new AlignedMemory(bufferBytes));
        _read = ReadPart;
        _multiplyAdd = MultiplyAddPart;
        team.Run((part, parts) => // touched by the thread that will read it
        {
            var (first, length) = Share(part, parts);
            NativeFill(_buffer.Start + first, length);
        });
    }

    /// <summary>Bytes a second, each thread reading its share of the buffer in order.</summary>
    public double ReadBytesPerSecond() => Rate(_read, _buffer.LengthBytes);

    /// <summary>Float32 operations a second; a multiply-add is two.</summary>
    public double Float32PerSecond() => Rate(_multiplyAdd, 2.0 * Operations * FloatLanes * _team.Count);

    /// <summary>Operations a second of the bf16 dot product, 64 in a vector of 512 bits; null: the emitted set is not supported here.</summary>
    public double? Bf16PerSecond() =>
        ProbeCode.Shared is null ? null : Rate(_dotBf16, 64.0 * Operations * _team.Count);

    /// <summary>Operations a second of the byte dot product, 128 in a vector; null: the emitted set is not supported here.</summary>
    public double? Int8PerSecond() =>
        ProbeCode.Shared is null ? null : Rate(_dotBytes, 128.0 * Operations * _team.Count);

    public void Dispose() => _buffer.Dispose();

    private static int FloatLanes => Vector512.IsHardwareAccelerated ? 16 : Vector256.IsHardwareAccelerated ? 8 : 4;

    private double Rate(Action<int, int> job, double amount)
    {
        var start = Stopwatch.GetTimestamp();
        _team.Run(job);
        return amount / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static void Run(delegate* unmanaged<long, void> probe) => probe(Operations / ProbeCode.OperationsPerRound);

    private (long First, long Length) Share(int part, int parts)
    {
        var lines = _buffer.LengthBytes / 512;
        var first = lines * part / parts;
        return (first * 512, ((lines * (part + 1) / parts) - first) * 512);
    }

    private static void NativeFill(byte* start, long length)
    {
        for (long i = 0; i < length; i += 1 << 20)
        {
            new Span<byte>(start + i, (int)Math.Min(1 << 20, length - i)).Fill(1);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ReadPart(int part, int parts)
    {
        var (first, length) = Share(part, parts);
        Vector512<long> a = default, b = default, c = default, d = default;
        var end = _buffer.Start + first + length;
        for (var at = _buffer.Start + first; at < end; at += 256)
        {
            a ^= Vector512.Load((long*)at);
            b ^= Vector512.Load((long*)(at + 64));
            c ^= Vector512.Load((long*)(at + 128));
            d ^= Vector512.Load((long*)(at + 192));
        }

        Volatile.Write(ref _sink, Vector512.Sum(a ^ b ^ c ^ d));
    }

    private void MultiplyAddPart(int part, int parts) => Volatile.Write(
        ref _sink,
        Vector512.IsHardwareAccelerated ? MultiplyAdds<Lanes512, Vector512<float>>()
        : Vector256.IsHardwareAccelerated ? MultiplyAdds<Lanes256, Vector256<float>>()
        : MultiplyAdds<Lanes128, Vector128<float>>());

    /// <summary>Twelve independent sums hide the latency of a multiply-add and fit into 16 registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float MultiplyAdds<TLanes, TVector>() where TLanes : struct, ILanes<TVector> where TVector : struct
    {
        var (x, y) = (TLanes.Broadcast(0.9999f), TLanes.Broadcast(1e-6f));
        TVector a, b, c, d, e, f, g, h, i, j, k, l;
        a = b = c = d = e = f = g = h = i = j = k = l = x;
        for (var round = 0; round < Operations; round += 12)
        {
            a = TLanes.FusedMultiplyAdd(a, x, y);
            b = TLanes.FusedMultiplyAdd(b, x, y);
            c = TLanes.FusedMultiplyAdd(c, x, y);
            d = TLanes.FusedMultiplyAdd(d, x, y);
            e = TLanes.FusedMultiplyAdd(e, x, y);
            f = TLanes.FusedMultiplyAdd(f, x, y);
            g = TLanes.FusedMultiplyAdd(g, x, y);
            h = TLanes.FusedMultiplyAdd(h, x, y);
            i = TLanes.FusedMultiplyAdd(i, x, y);
            j = TLanes.FusedMultiplyAdd(j, x, y);
            k = TLanes.FusedMultiplyAdd(k, x, y);
            l = TLanes.FusedMultiplyAdd(l, x, y);
        }

        var sums = TLanes.Add(TLanes.Add(TLanes.Add(a, b), TLanes.Add(c, d)), TLanes.Add(TLanes.Add(e, f), TLanes.Add(g, h)));
        return TLanes.Sum(TLanes.Add(sums, TLanes.Add(TLanes.Add(i, j), TLanes.Add(k, l))));
    }
}
