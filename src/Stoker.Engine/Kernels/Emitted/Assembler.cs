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
    private readonly List<int> _usePositions = []; // plain lists: a new generic type costs a tenth of a millisecond at start
    private readonly List<int> _usedConstants = [];
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
        for (var constant = 0; constant < _constants.Count; constant++)
        {
            var start = Align();
            for (var use = 0; use < _usePositions.Count; use++)
            {
                var position = _usePositions[use];
                if (_usedConstants[use] == constant) WriteDistance(position, start - (position + sizeof(int)));
            }

            foreach (var value in _constants[constant]) Emit(value);
        }

        return _code.AsSpan(0, Position);
    }

    // Control flow and integers

    public void Return()
    {
        Emit(0xC5, 0xF8, 0x77); // vzeroupper: the caller's SSE code must not pay for our upper halves
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
        Emit(0x48 | ((int)target >> 3), 0xC7, 0xC0 | ((int)target & 7));
        EmitInt32(value);
    }

    public void Add(Register target, Register value) => Integer(0x01, value, target);

    public void Subtract(Register target, Register value) => Integer(0x29, value, target);

    public void Test(Register a) => Integer(0x85, a, a);

    public void Add(Register target, int value) => Immediate(0, target, value);

    public void And(Register target, int value) => Immediate(4, target, value);

    public void Subtract(Register target, int value) => Immediate(5, target, value);

    public void Compare(Register target, int value) => Immediate(7, target, value);

    public void ShiftRight(Register target, int bits)
    {
        Emit(0x48 | ((int)target >> 3), 0xC1, 0xE8 | ((int)target & 7));
        Emit(bits);
    }

    public void ShiftLeft(Register target, int bits)
    {
        Emit(0x48 | ((int)target >> 3), 0xC1, 0xE0 | ((int)target & 7));
        Emit(bits);
    }

    /// <summary>Asks for the cache line at rdi + index + displacement to be brought into the level-2 cache.</summary>
    /// <param name="index">r9 to r11.</param>
    public void PrefetchFromRdi(Register index, int displacement)
    {
        Emit(0x42, 0x0F, 0x18);
        Emit(0x94, (((int)index & 7) << 3) | (int)Register.Rdi);
        EmitInt32(displacement);
    }

    /// <summary>The same of the line at an address.</summary>
    /// <param name="address">r8 to r11.</param>
    public void Prefetch(Register address) => Emit(0x41, 0x0F, 0x18, 0x10 | ((int)address & 7));

    private void Integer(int opcode, Register register, Register target) => Emit(
        0x48 | ((int)register >> 3 << 2) | ((int)target >> 3), opcode, 0xC0 | (((int)register & 7) << 3) | ((int)target & 7));

    private void Immediate(int operation, Register target, int value)
    {
        Emit(0x48 | ((int)target >> 3), 0x81, 0xC0 | (operation << 3) | ((int)target & 7));
        EmitInt32(value);
    }

    /// <returns>Where the distance stands.</returns>
    private int WriteJump(int condition, int? target)
    {
        Emit(0x0F, condition);
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

    private void Emit(int value)
    {
        Reserve(1);
        _code[Position++] = (byte)value;
    }

    private void Emit(int first, int second)
    {
        Emit(first);
        Emit(second);
    }

    private void Emit(int first, int second, int third)
    {
        Emit(first, second);
        Emit(third);
    }

    private void Emit(int first, int second, int third, int fourth)
    {
        Emit(first, second);
        Emit(third, fourth);
    }

    private void Reserve(int count)
    {
        if (Position + count > _code.Length)
        {
            Array.Resize(ref _code, _code.Length * 2);
        }
    }
}
