using System.Runtime.InteropServices;
using Stoker.Engine.Kernels;
using Stoker.Engine.Native;
using Stoker.Engine.Weights;

namespace Stoker.Benchmarks.MatrixKernels;

/// <summary>A matrix of seeded random weights, written as panels at once: one panel is made and repeated.</summary>
internal sealed unsafe class SyntheticPanels : IDisposable
{
    private readonly AlignedMemory _memory;

    /// <param name="team">Touches the pages on the threads that will read them.</param>
    public SyntheticPanels(WeightFormat format, int rows, int columns, ThreadTeam team)
    {
        _memory = new AlignedMemory(PanelLayout.SizeOf(format, rows, columns));
        Matrix = new PanelMatrix(format, rows, columns, _memory.Start, _memory);
        var panelBytes = PanelLayout.PanelBytes(format, columns);
        var panel = MakePanel(format, columns, (int)panelBytes);
        var start = _memory.Start;
        team.Run((part, parts) =>
        {
            for (var i = Matrix.PanelCount * part / parts; i < Matrix.PanelCount * (part + 1) / parts; i++)
            {
                panel.CopyTo(new Span<byte>(start + (i * panelBytes), (int)panelBytes));
            }
        });
    }

    public PanelMatrix Matrix { get; }

    public void Dispose() => _memory.Dispose();

    private static byte[] MakePanel(WeightFormat format, int columns, int bytes)
    {
        var panel = new byte[bytes];
        var random = new Random(1);
        random.NextBytes(panel);
        var words = MemoryMarshal.Cast<byte, ushort>(panel.AsSpan());
        switch (format)
        {
            case WeightFormat.F32:
                foreach (ref var value in MemoryMarshal.Cast<byte, float>(panel.AsSpan())) value = (random.NextSingle() - 0.5f) * 0.1f;
                break;
            case WeightFormat.F16:
                foreach (ref var value in words) value = BitConverter.HalfToUInt16Bits((Half)((random.NextSingle() - 0.5f) * 0.1f));
                break;
            case WeightFormat.Bf16:
                foreach (ref var value in words) value = BFloat16.FromSingle((random.NextSingle() - 0.5f) * 0.1f);
                break;
            case WeightFormat.Fp8:
                foreach (ref var value in panel.AsSpan()) value = (byte)(value % 127); // no NaN
                MemoryMarshal.Cast<byte, float>(panel.AsSpan())[..PanelLayout.Rows].Fill(0.001f);
                break;
            default:
                FillScales(format, columns, panel);
                break;
        }

        return panel;
    }

    private static void FillScales(WeightFormat format, int columns, byte[] panel)
    {
        var padded = PanelLayout.PaddedColumns(columns);
        var group = format == WeightFormat.Int8 ? PanelLayout.Int8Group : PanelLayout.Fp4Group;
        for (var first = 0; first < padded; first += group)
        {
            var end = (int)PanelLayout.ColumnOffset(format, Math.Min(padded, first + group));
            var scales = panel.AsSpan(end - PanelLayout.ScaleBytes, PanelLayout.ScaleBytes);
            MemoryMarshal.Cast<byte, ushort>(scales).Fill(BitConverter.HalfToUInt16Bits((Half)0.001f));
        }
    }
}
