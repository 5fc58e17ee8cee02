using System.Buffers.Binary;

namespace Stoker.Engine.Kernels.Emitted;

/// <summary>Writes the machine code of the kernels: the few dozen instructions that they are made of, and no more.</summary>
/// <remarks>
/// Vector registers are numbers 0 to 31 and always 512 bits wide. Jumps go to marks with 32-bit distances; constants are
/// placed behind the code on cache lines and read relative to the instruction.
/// </remarks>
internal sealed partial class Assembler
{
    private const int CacheLineBytes = 64;
    private readonly List<(int Position, int Constant)> _constantUses = [];
    private readonly List<byte[]> _constants = [];
    private byte[] _code = new byte[32 << 10];

    public int Position { get; private set; }

    /// <summary>Starts the next kernel on a cache line.</summary>
    public int Align()
    {
        while (Position % CacheLineBytes != 0)
        {
            Emit(0xCC); // never reached; a breakpoint if it is
        }

        return Position;
    }

    /// <summary>The finished code with its constants behind it. Nothing may be emitted afterwards.</summary>
    public ReadOnlySpan<byte> Finish()
    {
        foreach (var (constant, index) in _constants.Select((constant, index) => (constant, index)))
        {
            var start = Align();
            foreach (var (position, used) in _constantUses)
            {
                if (used == index)
                {
                    WriteDistance(position, start - (position + sizeof(int)));
                }
            }

            foreach (var value in constant) Emit(value);
        }

        return _code.AsSpan(0, Position);
    }

    // Control flow and integers

    public void Return()
    {
        EmitBytes(0xC5, 0xF8, 0x77); // vzeroupper: the caller's SSE code must not pay for our upper halves
        Emit(0xC3);
    }

    /// <summary>Jumps back to a position while the zero flag is clear.</summary>
    public void JumpIfNotZero(int target) => WriteJump(0x85, target);

    /// <summary>A forward jump, to be ended by <see cref="Land"/>.</summary>
    public int JumpIfZero() => WriteJump(0x84, null);

    public int JumpIfNotZero() => WriteJump(0x85, null);

    /// <summary>Unsigned: after a comparison, when the first was no greater.</summary>
    public int JumpIfNotAbove() => WriteJump(0x86, null);

    public void Land(int jump) => WriteDistance(jump, Position - (jump + sizeof(int)));

    public void Move(Register target, Register source) => Integer(0x89, source, target);

    public void Move(Register target, int value)
    {
        EmitBytes((byte)(0x48 | ((int)target >> 3)), 0xC7, (byte)(0xC0 | ((int)target & 7)));
        EmitInt32(value);
    }

    public void Add(Register target, Register value) => Integer(0x01, value, target);

    public void Subtract(Register target, Register value) => Integer(0x29, value, target);

    public void Test(Register a) => Integer(0x85, a, a);

    public void Add(Register target, int value) => Immediate(0, target, value);

    public void And(Register target, int value) => Immediate(4, target, value);

    public void Subtract(Register target, int value) => Immediate(5, target, value);

    public void Compare(Register target, int value) => Immediate(7, target, value);

    public void ShiftRight(Register target, int bits) =>
        EmitBytes((byte)(0x48 | ((int)target >> 3)), 0xC1, (byte)(0xE8 | ((int)target & 7)), (byte)bits);

    private void Integer(byte opcode, Register register, Register target) => EmitBytes(
        (byte)(0x48 | ((int)register >> 3 << 2) | ((int)target >> 3)), opcode,
        (byte)(0xC0 | (((int)register & 7) << 3) | ((int)target & 7)));

    private void Immediate(int operation, Register target, int value)
    {
        EmitBytes((byte)(0x48 | ((int)target >> 3)), 0x81, (byte)(0xC0 | (operation << 3) | ((int)target & 7)));
        EmitInt32(value);
    }

    /// <returns>Where the distance stands.</returns>
    private int WriteJump(byte condition, int? target)
    {
        EmitBytes(0x0F, condition);
        var distance = Position;
        EmitInt32(target - (distance + sizeof(int)) ?? 0);
        return distance;
    }

    private void WriteDistance(int position, int distance) =>
        BinaryPrimitives.WriteInt32LittleEndian(_code.AsSpan(position), distance);

    private void EmitInt32(int value)
    {
        Reserve(sizeof(int));
        BinaryPrimitives.WriteInt32LittleEndian(_code.AsSpan(Position), value);
        Position += sizeof(int);
    }

    private void EmitBytes(params ReadOnlySpan<byte> bytes)
    {
        Reserve(bytes.Length);
        bytes.CopyTo(_code.AsSpan(Position));
        Position += bytes.Length;
    }

    private void Emit(byte value)
    {
        Reserve(1);
        _code[Position++] = value;
    }

    private void Reserve(int count)
    {
        if (Position + count > _code.Length)
        {
            Array.Resize(ref _code, _code.Length * 2);
        }
    }
}
