using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Stoker.Benchmarks.Measuring;

/// <summary>
/// What the machine allows at this moment: sequential reading from memory, and float32 multiply-adds. Shared machines
/// change their speed, so it is measured beside every row.
/// </summary>
internal sealed unsafe class MachineProbe : IDisposable
{
    private const long BufferBytes = 1L << 30; // far beyond any cache
    private const int Chains = 12; // independent sums: hides the latency of the multiply-add
    private const int Rounds = 4_000_000;

    private readonly byte* _buffer = (byte*)NativeMemory.AlignedAlloc((nuint)BufferBytes, 4096);
    private readonly int _threads;
    private Vector<float> _sink; // keeps the sums alive

    public MachineProbe(int threads)
    {
        _threads = threads;
        new Span<byte>(_buffer, int.MaxValue / 2).Fill(1);
    }

    /// <summary>Bytes a second that all threads read together: the better of two passes.</summary>
    public double Bandwidth() => Math.Max(Read(), Read());

    /// <summary>Float32 operations a second of all threads; a multiply-add is two.</summary>
    public double FloatOperations() => OnAllThreads(_ => MultiplyAdd(), 2.0 * Chains * Rounds * Vector<float>.Count * _threads);

    public void Dispose() => NativeMemory.AlignedFree(_buffer);

    private double Read()
    {
        var share = (int.MaxValue / 2 / _threads) & ~4095;
        return OnAllThreads(thread => Sum((Vector<int>*)(_buffer + ((long)thread * share)), share / sizeof(Vector<int>)), (double)share * _threads);
    }

    private double OnAllThreads(Action<int> work, double amount)
    {
        using var gate = new Barrier(_threads + 1);
        var threads = Enumerable.Range(0, _threads).Select(index => new Thread(() =>
        {
            gate.SignalAndWait();
            work(index);
            gate.SignalAndWait();
        })).ToArray();
        foreach (var thread in threads) thread.Start();
        gate.SignalAndWait();
        var start = Stopwatch.GetTimestamp();
        gate.SignalAndWait();
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        foreach (var thread in threads) thread.Join();
        return amount / seconds;
    }

    private void Sum(Vector<int>* from, int count)
    {
        Vector<int> a = default, b = default, c = default, d = default;
        for (var index = 0; index + 4 <= count; index += 4)
        {
            a ^= from[index];
            b ^= from[index + 1];
            c ^= from[index + 2];
            d ^= from[index + 3];
        }
        _sink += Vector.ConvertToSingle(a ^ b ^ c ^ d);
    }

    private void MultiplyAdd()
    {
        var (x, y) = (new Vector<float>(0.9999f), new Vector<float>(1e-6f));
        Vector<float> a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
        for (var round = 0; round < Rounds; round++)
        {
            a = Vector.FusedMultiplyAdd(a, x, y); b = Vector.FusedMultiplyAdd(b, x, y); c = Vector.FusedMultiplyAdd(c, x, y);
            d = Vector.FusedMultiplyAdd(d, x, y); e = Vector.FusedMultiplyAdd(e, x, y); f = Vector.FusedMultiplyAdd(f, x, y);
            g = Vector.FusedMultiplyAdd(g, x, y); h = Vector.FusedMultiplyAdd(h, x, y); i = Vector.FusedMultiplyAdd(i, x, y);
            j = Vector.FusedMultiplyAdd(j, x, y); k = Vector.FusedMultiplyAdd(k, x, y); l = Vector.FusedMultiplyAdd(l, x, y);
        }
        _sink += a + b + c + d + e + f + g + h + i + j + k + l;
    }
}
