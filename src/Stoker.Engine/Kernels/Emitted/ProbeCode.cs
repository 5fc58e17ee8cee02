using Stoker.Engine.Native;

namespace Stoker.Engine.Kernels.Emitted;

/// <summary>The dot products alone, from registers: what the emitted tiles could reach if they read nothing.</summary>
internal sealed unsafe class ProbeCode
{
    /// <summary>Sixteen independent sums, as a full tile has, twice.</summary>
    public const int OperationsPerRound = 2 * Sums;

    private const int Sums = 16;
    private static readonly Lazy<ProbeCode?> Process = new(() => TileCode.IsSupported ? TryCreate() : null);
    private readonly byte* _code;
    private readonly int _bf16;
    private readonly int _bytes;

    private ProbeCode()
    {
        var assembler = new Assembler();
        _bf16 = Write(assembler, assembler.DotBf16);
        _bytes = Write(assembler, assembler.DotBytes);
        _code = ExecutableMemory.TryCreate(assembler.Finish());
    }

    public static ProbeCode? Shared => Process.Value;

    /// <summary>The argument counts rounds.</summary>
    public delegate* unmanaged<long, void> Bf16 => (delegate* unmanaged<long, void>)(_code + _bf16);

    public delegate* unmanaged<long, void> Bytes => (delegate* unmanaged<long, void>)(_code + _bytes);

    private static ProbeCode? TryCreate()
    {
        var code = new ProbeCode();
        return code._code is null ? null : code;
    }

    private static int Write(Assembler code, Action<int, int, int> dot)
    {
        const int A = 30, B = 31;
        var start = code.Align();
        for (var register = 0; register < Sums; register++) code.Zero(register);
        code.Zero(A);
        code.Zero(B);
        var loop = code.Position;
        for (var operation = 0; operation < OperationsPerRound; operation++) dot(operation % Sums, A, B);
        code.Subtract(Register.Rdi, 1);
        code.JumpIfNotZero(loop);
        code.Return();
        return start;
    }
}
