using System.Diagnostics;
using Stoker.Engine.Kernels;
using Stoker.Engine.Weights;

namespace Stoker.Benchmarks.MatrixKernels;

/// <summary>A few matrices one after the other, as a layer has them: packing shared over tiles, panels in contiguous shares.</summary>
internal sealed class BenchLayer : IDisposable
{
    private readonly KernelSet _kernels;
    private readonly ThreadTeam _team;
    private readonly SyntheticPanels[] _matrices;
    private readonly ActivationBuffer _buffer;
    private readonly float[] _x;
    private readonly float[] _y;
    private readonly Action<int, int> _pack;
    private readonly Action<int, int> _multiply;
    private PanelMatrix _w;
    private int _tokens;
    private int _calls;

    public BenchLayer(KernelSet kernels, ThreadTeam team, WeightFormat format, (int Rows, int Columns)[] shapes, int maxTokens)
        : this(kernels, team, [.. shapes.Select(shape => new SyntheticPanels(format, shape.Rows, shape.Columns, team))], maxTokens)
    {
    }

    public BenchLayer(KernelSet kernels, ThreadTeam team, SyntheticPanels[] matrices, int maxTokens)
    {
        (_kernels, _team, _matrices, _w) = (kernels, team, matrices, matrices[0].Matrix);
        var columns = matrices.Max(matrix => matrix.Matrix.Columns);
        _buffer = new ActivationBuffer(maxTokens, columns);
        _x = new float[maxTokens * columns];
        _y = new float[maxTokens * matrices.Max(matrix => matrix.Matrix.Rows)];
        var random = new Random(2);
        foreach (ref var value in _x.AsSpan()) value = random.NextSingle() - 0.5f;
        _pack = PackPart;
        _multiply = MultiplyPart;
    }

    public double SizeBytes => _matrices.Sum(matrix => (double)matrix.Matrix.SizeBytes);

    public double Weights => _matrices.Sum(matrix => (double)matrix.Matrix.Rows * matrix.Matrix.Columns);

    /// <summary>Seconds of all matrices with their packing, and of the packing alone.</summary>
    public (double Total, double Packing) Run(int tokens)
    {
        (_tokens, _calls) = (tokens, 1);
        var (start, packing) = (Stopwatch.GetTimestamp(), 0L);
        foreach (var matrix in _matrices)
        {
            _w = matrix.Matrix;
            var before = Stopwatch.GetTimestamp();
            _team.Run(_pack);
            packing += Stopwatch.GetTimestamp() - before;
            _team.Run(_multiply);
        }

        return (Stopwatch.GetElapsedTime(start).TotalSeconds, (double)packing / Stopwatch.Frequency);
    }

    /// <summary>Seconds of so many products with the first matrix, packed before.</summary>
    public double Multiply(int tokens, int calls)
    {
        (_w, _tokens, _calls) = (_matrices[0].Matrix, tokens, calls);
        _pack(0, 1);
        var start = Stopwatch.GetTimestamp();
        _team.Run(_multiply);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Seconds of packing for the first matrix, on this thread.</summary>
    public double Pack(int tokens)
    {
        (_w, _tokens) = (_matrices[0].Matrix, tokens);
        var start = Stopwatch.GetTimestamp();
        _pack(0, 1);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    public void DisposeBuffers() => _buffer.Dispose();

    public void Dispose()
    {
        DisposeBuffers();
        foreach (var matrix in _matrices) matrix.Dispose();
    }

    private void PackPart(int part, int parts)
    {
        var tiles = KernelSet.TileCount(_tokens);
        _kernels.Pack(_x, _tokens, tiles * part / parts, tiles * (part + 1) / parts, _w, _buffer);
    }

    private void MultiplyPart(int part, int parts)
    {
        var (first, end) = (_w.PanelCount * part / parts, _w.PanelCount * (part + 1) / parts);
        for (var call = 0; call < _calls; call++) _kernels.Multiply(_w, first, end, _buffer, _tokens, _y, _w.Rows);
    }
}
