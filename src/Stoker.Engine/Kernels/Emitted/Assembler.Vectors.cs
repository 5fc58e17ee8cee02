namespace Stoker.Engine.Kernels.Emitted;

/// <remarks>The vector instructions, all in the EVEX form (AVX-512).</remarks>
internal sealed partial class Assembler
{
    private const int FullVector = 64;

    // Moves

    public void Load(int target, Memory source) => Evex(Prefix.None, Map.Of0F, 0x10, target, 0, source, FullVector);

    public void Store(Memory target, int source) => Evex(Prefix.None, Map.Of0F, 0x11, source, 0, target, FullVector);

    public void Move(int target, int source) => Evex(Prefix.None, Map.Of0F, 0x28, target, 0, source);

    public void Zero(int target) => Evex(Prefix.Of66, Map.Of0F, 0xEF, target, target, target);

    /// <summary>One 32-bit element to all lanes.</summary>
    public void LoadRepeated(int target, Memory source) =>
        Evex(Prefix.Of66, Map.Of0F38, 0x58, target, 0, source, sizeof(int));

    /// <summary>16 f16 to 16 f32.</summary>
    public void LoadHalves(int target, Memory source) =>
        Evex(Prefix.Of66, Map.Of0F38, 0x13, target, 0, source, FullVector / 2);

    /// <summary>A constant of 64 bytes.</summary>
    public void LoadConstant(int target, byte[] constant)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(constant.Length, FullVector);
        var index = 0;
        while (index < _constants.Count && !_constants[index].AsSpan().SequenceEqual(constant)) index++;
        if (index == _constants.Count) _constants.Add(constant);

        EvexHead(Prefix.None, Map.Of0F, 0x10, target, 0, rmBit3: 0, rmBit4: 0);
        Emit(((target & 7) << 3) | 5); // relative to the next instruction
        _usePositions.Add(Position);
        _usedConstants.Add(index);
        EmitInt32(0);
    }

    // Arithmetic

    /// <summary>sum += pairs of bf16 of a times those of b, in float32.</summary>
    public void DotBf16(int sum, int a, int b) => Evex(Prefix.OfF3, Map.Of0F38, 0x52, sum, a, b);

    public void DotBf16(int sum, int a, Memory b) => Evex(Prefix.OfF3, Map.Of0F38, 0x52, sum, a, b, FullVector);

    /// <summary>sum += quads of u8 times quads of i8, in 32-bit integers.</summary>
    public void DotBytes(int sum, int unsigned, int signed) =>
        Evex(Prefix.Of66, Map.Of0F38, 0x50, sum, unsigned, signed);

    public void Multiply(int target, int a, int b) => Evex(Prefix.None, Map.Of0F, 0x59, target, a, b);

    /// <summary>target = target · factor + addend.</summary>
    public void MultiplyAdd213(int target, int factor, int addend) =>
        Evex(Prefix.Of66, Map.Of0F38, 0xA8, target, factor, addend);

    public void MultiplyAdd213(int target, int factor, Memory addend) =>
        Evex(Prefix.Of66, Map.Of0F38, 0xA8, target, factor, addend, FullVector);

    /// <summary>sum += a · b.</summary>
    public void MultiplyAdd231(int sum, int a, int b) => Evex(Prefix.Of66, Map.Of0F38, 0xB8, sum, a, b);

    // Bytes and bits

    /// <summary>Bytes of two tables of 64 by the index that stands in the target.</summary>
    public void PermuteTwoTables(int indexAndTarget, int lower, int upper) =>
        Evex(Prefix.Of66, Map.Of0F38, 0x75, indexAndTarget, lower, upper);

    /// <summary>Bytes of a table of 64 by the lower six bits of each byte of the index.</summary>
    public void PermuteBytes(int target, int index, int table) =>
        Evex(Prefix.Of66, Map.Of0F38, 0x8D, target, index, table);

    public void InterleaveLowBytes(int target, int a, int b) => Evex(Prefix.Of66, Map.Of0F, 0x60, target, a, b);

    public void InterleaveHighBytes(int target, int a, int b) => Evex(Prefix.Of66, Map.Of0F, 0x68, target, a, b);

    /// <summary>target |= a &amp; b.</summary>
    public void OrAnd(int target, int a, int b)
    {
        Evex(Prefix.Of66, Map.Of0F3A, 0x25, target, a, b);
        Emit(0xF8); // the truth table of A | (B & C)
    }

    public void ShiftWordsRight(int target, int source, int bits)
    {
        Evex(Prefix.Of66, Map.Of0F, 0x71, 2, target, source); // the first register field is part of the opcode
        Emit(bits);
    }

    // Encoding

    private enum Prefix
    {
        None = 0,
        Of66 = 1,
        OfF3 = 2,
    }

    private enum Map
    {
        Of0F = 1,
        Of0F38 = 2,
        Of0F3A = 3,
    }

    private void Evex(Prefix prefix, Map map, int opcode, int register, int second, int third)
    {
        EvexHead(prefix, map, opcode, register, second, third >> 3 & 1, third >> 4);
        Emit(0xC0 | ((register & 7) << 3) | (third & 7));
    }

    /// <param name="unitBytes">A displacement of one byte counts in these.</param>
    private void Evex(Prefix prefix, Map map, int opcode, int register, int second, Memory memory, int unitBytes)
    {
        EvexHead(prefix, map, opcode, register, second, (int)memory.Base >> 3, 0);
        var fields = ((register & 7) << 3) | ((int)memory.Base & 7);
        var steps = memory.Displacement / unitBytes;
        if (memory.Displacement == 0)
        {
            Emit(fields);
        }
        else if (steps * unitBytes == memory.Displacement && steps is >= sbyte.MinValue and <= sbyte.MaxValue)
        {
            Emit(0x40 | fields, steps);
        }
        else
        {
            Emit(0x80 | fields);
            EmitInt32(memory.Displacement);
        }
    }

    /// <summary>The four bytes of the prefix, in which register bits stand inverted, and the opcode.</summary>
    private void EvexHead(Prefix prefix, Map map, int opcode, int register, int second, int rmBit3, int rmBit4)
    {
        var first = ((~register >> 3 & 1) << 7) | ((~rmBit4 & 1) << 6) | ((~rmBit3 & 1) << 5) | ((~register >> 4 & 1) << 4) | (int)map;
        var middle = ((~second & 15) << 3) | 4 | (int)prefix;
        var last = 0x40 | ((~second >> 4 & 1) << 3);
        Emit(0x62, first, middle);
        Emit(last, opcode);
    }
}
