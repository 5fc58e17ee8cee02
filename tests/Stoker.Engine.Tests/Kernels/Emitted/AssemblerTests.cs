using Iced.Intel;
using Assembler = Stoker.Engine.Kernels.Emitted.Assembler;
using Memory = Stoker.Engine.Kernels.Emitted.Memory;
using Register = Stoker.Engine.Kernels.Emitted.Register;

namespace Stoker.Engine.Tests.Kernels.Emitted;

/// <summary>What our encoder writes, read back by another project's decoder.</summary>
public class AssemblerTests
{
    private static readonly Register[] Registers = Enum.GetValues<Register>();
    private static readonly int[] Vectors = [0, 1, 7, 8, 15, 16, 23, 24, 31];
    private static readonly int[] Displacements = [0, 4, 64, -64, 127, 128, 1020, 512 - 4, 8128, 8192, -8192, 100_000, -5];

    /// <summary>Three vector registers: target, second, third.</summary>
    public static TheoryData<string, string> VectorInstructions => new()
    {
        { nameof(Assembler.DotBf16), "vdpbf16ps" },
        { nameof(Assembler.DotBytes), "vpdpbusd" },
        { nameof(Assembler.Multiply), "vmulps" },
        { nameof(Assembler.MultiplyAdd213), "vfmadd213ps" },
        { nameof(Assembler.MultiplyAdd231), "vfmadd231ps" },
        { nameof(Assembler.PermuteTwoTables), "vpermi2b" },
        { nameof(Assembler.PermuteBytes), "vpermb" },
        { nameof(Assembler.InterleaveLowBytes), "vpunpcklbw" },
        { nameof(Assembler.InterleaveHighBytes), "vpunpckhbw" },
    };

    [Theory]
    [MemberData(nameof(VectorInstructions))]
    public void Three_vector_registers_in_any_combination(string method, string mnemonic)
    {
        var write = typeof(Assembler).GetMethod(method, [typeof(int), typeof(int), typeof(int)])!
            .CreateDelegate<Action<Assembler, int, int, int>>();
        foreach (var a in Vectors)
        {
            foreach (var b in Vectors)
            {
                foreach (var c in Vectors) ShouldBe(code => write(code, a, b, c), $"{mnemonic} zmm{a}, zmm{b}, zmm{c}");
            }
        }
    }

    [Fact]
    public void Moves_and_other_forms_with_registers()
    {
        foreach (var a in Vectors)
        {
            ShouldBe(code => code.Zero(a), $"vpxord zmm{a}, zmm{a}, zmm{a}");
            foreach (var b in Vectors)
            {
                ShouldBe(code => code.Move(a, b), $"vmovaps zmm{a}, zmm{b}");
                ShouldBe(code => code.ShiftWordsRight(a, b, 4), $"vpsrlw zmm{a}, zmm{b}, 4");
                ShouldBe(code => code.OrAnd(a, b, 31 - a), $"vpternlogd zmm{a}, zmm{b}, zmm{31 - a}, 0F8h");
            }
        }
    }

    [Fact]
    public void Memory_operands_with_every_base_and_short_and_long_displacements()
    {
        foreach (var register in Registers)
        {
            foreach (var displacement in Displacements)
            {
                var memory = Memory.At(register, displacement);
                foreach (var vector in Vectors)
                {
                    ShouldRead(code => code.Load(vector, memory), Mnemonic.Vmovups, vector, memory, MemorySize.Packed512_Float32);
                    ShouldRead(code => code.Store(memory, vector), Mnemonic.Vmovups, vector, memory, MemorySize.Packed512_Float32);
                    ShouldRead(code => code.LoadRepeated(vector, memory), Mnemonic.Vpbroadcastd, vector, memory, MemorySize.Int32);
                    ShouldRead(code => code.LoadHalves(vector, memory), Mnemonic.Vcvtph2ps, vector, memory, MemorySize.Packed256_Float16);
                    ShouldRead(code => code.MultiplyAdd213(vector, 9, memory), Mnemonic.Vfmadd213ps, vector, memory, MemorySize.Packed512_Float32);
                    ShouldRead(code => code.DotBf16(vector, 9, memory), Mnemonic.Vdpbf16ps, vector, memory, MemorySize.Packed512_2xBFloat16);
                }
            }
        }
    }

    [Fact]
    public void Integer_instructions_with_every_register()
    {
        foreach (var a in Registers)
        {
            var name = Name(a);
            ShouldBe(code => code.Move(a, 32), $"mov {name}, 20h");
            ShouldBe(code => code.Add(a, 70_000), $"add {name}, 11170h");
            ShouldBe(code => code.And(a, 3), $"and {name}, 3");
            ShouldBe(code => code.Subtract(a, 1), $"sub {name}, 1");
            ShouldBe(code => code.Compare(a, 32), $"cmp {name}, 20h");
            ShouldBe(code => code.ShiftRight(a, 2), $"shr {name}, 2");
            ShouldBe(code => code.ShiftLeft(a, 7), $"shl {name}, 7");
            ShouldBe(code => code.Test(a), $"test {name}, {name}");
            foreach (var b in Registers)
            {
                ShouldBe(code => code.Move(a, b), $"mov {name}, {Name(b)}");
                ShouldBe(code => code.Add(a, b), $"add {name}, {Name(b)}");
                ShouldBe(code => code.Subtract(a, b), $"sub {name}, {Name(b)}");
            }
        }
    }

    [Fact]
    public void Prefetches_add_an_index_to_the_weights_place()
    {
        foreach (var index in new[] { Register.R9, Register.R10, Register.R11 })
        {
            foreach (var displacement in Displacements)
            {
                var assembler = new Assembler();
                assembler.PrefetchFromRdi(index, displacement);
                var instruction = Decode(assembler.Finish().ToArray()).Single();
                instruction.Mnemonic.ShouldBe(Mnemonic.Prefetcht1);
                instruction.MemoryBase.ShouldBe(Iced.Intel.Register.RDI);
                instruction.MemoryIndex.ToString().ShouldBe(index.ToString().ToUpperInvariant());
                instruction.MemoryIndexScale.ShouldBe(1);
                ((int)instruction.MemoryDisplacement64).ShouldBe(displacement);
            }
        }
    }

    [Fact]
    public void Prefetches_of_a_place_name_its_register_alone()
    {
        foreach (var address in new[] { Register.R8, Register.R9, Register.R10, Register.R11 })
        {
            var assembler = new Assembler();
            assembler.Prefetch(address);
            var instruction = Decode(assembler.Finish().ToArray()).Single();
            instruction.Mnemonic.ShouldBe(Mnemonic.Prefetcht1);
            instruction.MemoryBase.ToString().ShouldBe(address.ToString().ToUpperInvariant());
            instruction.MemoryIndex.ShouldBe(Iced.Intel.Register.None);
            instruction.MemoryDisplacement64.ShouldBe(0ul);
        }
    }

    [Fact]
    public void Jumps_meet_their_targets_forward_and_back()
    {
        var code = new Assembler();
        code.Zero(0);
        var loop = code.Position;
        var zero = code.JumpIfZero();
        var notZero = code.JumpIfNotZero();
        var notAbove = code.JumpIfNotAbove();
        code.JumpIfNotZero(loop);
        code.Land(zero);
        var afterZero = code.Position;
        code.Zero(1);
        code.Land(notZero);
        code.Land(notAbove);
        var end = code.Position;
        code.Return();
        var jumps = Decode(code.Finish().ToArray()).Where(instruction => instruction.IsJccShortOrNear).ToList();
        jumps.Select(jump => (jump.Mnemonic, (int)jump.NearBranchTarget)).ShouldBe(
            [(Mnemonic.Je, afterZero), (Mnemonic.Jne, end), (Mnemonic.Jbe, end), (Mnemonic.Jne, loop)]);
    }

    [Fact]
    public void Constants_stand_on_cache_lines_behind_the_code_once_each()
    {
        var code = new Assembler();
        byte[] first = [.. Enumerable.Range(0, 64).Select(i => (byte)i)], second = new byte[64];
        code.LoadConstant(3, first);
        code.LoadConstant(20, second);
        code.LoadConstant(31, [.. first]);
        code.Return();
        var bytes = code.Finish().ToArray();
        var loads = Decode(bytes).TakeWhile(instruction => instruction.Mnemonic != Mnemonic.Ret)
            .Where(instruction => instruction.Mnemonic == Mnemonic.Vmovups).ToList();
        loads.Select(load => load.Op0Register).ShouldBe([Iced.Intel.Register.ZMM3, Iced.Intel.Register.ZMM20, Iced.Intel.Register.ZMM31]);
        var addresses = loads.Select(load => (int)load.IPRelativeMemoryAddress).ToList();
        addresses.ShouldAllBe(address => address % 64 == 0);
        addresses[2].ShouldBe(addresses[0]);
        bytes.AsSpan(addresses[0], 64).ToArray().ShouldBe(first);
        bytes.AsSpan(addresses[1], 64).ToArray().ShouldBe(second);
        bytes.Length.ShouldBe(addresses.Max() + 64);
    }

    [Fact]
    public void A_kernel_ends_with_the_upper_halves_cleared()
    {
        var code = new Assembler();
        code.Return();
        Decode(code.Finish().ToArray()).Select(instruction => instruction.Mnemonic).ShouldBe([Mnemonic.Vzeroupper, Mnemonic.Ret]);
    }

    internal static List<Instruction> Decode(byte[] bytes)
    {
        var decoder = Decoder.Create(64, bytes);
        var instructions = new List<Instruction>();
        while (decoder.IP < (ulong)bytes.Length) instructions.Add(decoder.Decode());
        return instructions;
    }

    private static void ShouldBe(Action<Assembler> write, string expected)
    {
        var formatter = new IntelFormatter();
        formatter.Options.SpaceAfterOperandSeparator = true;
        var output = new StringOutput();
        formatter.Format(Single(write), output);
        output.ToString().ShouldBe(expected);
    }

    private static void ShouldRead(Action<Assembler> write, Mnemonic mnemonic, int vector, Memory memory, MemorySize size)
    {
        var instruction = Single(write);
        instruction.Mnemonic.ShouldBe(mnemonic);
        var register = instruction.Op0Kind == OpKind.Register ? instruction.Op0Register : instruction.Op1Register;
        register.ShouldBe(Iced.Intel.Register.ZMM0 + vector);
        instruction.MemoryBase.ToString().ShouldBe(Name(memory.Base), StringCompareShould.IgnoreCase);
        instruction.MemoryIndex.ShouldBe(Iced.Intel.Register.None);
        ((long)instruction.MemoryDisplacement64).ShouldBe(memory.Displacement);
        instruction.MemorySize.ShouldBe(size);
        instruction.IsBroadcast.ShouldBeFalse();
    }

    private static Instruction Single(Action<Assembler> write)
    {
        var code = new Assembler();
        write(code);
        var length = code.Position;
        var instructions = Decode(code.Finish().ToArray());
        instructions.Count.ShouldBe(1);
        instructions[0].Length.ShouldBe(length);
        return instructions[0];
    }

    private static string Name(Register register) => register.ToString().ToLowerInvariant();
}
