using Iced.Intel;
using Stoker.Engine.Kernels;
using Stoker.Engine.Kernels.Emitted;
using Assembler = Stoker.Engine.Kernels.Emitted.Assembler;

namespace Stoker.Engine.Tests.Kernels.Emitted;

/// <summary>Properties of the machine code that hold on every machine, also where it cannot run.</summary>
public class TileEmitterTests
{
    private static readonly (string Name, Func<TileEmitter, int, int> Emit)[] Kernels =
    [
        ("bf16", (emitter, mr) => emitter.Bf16(mr)), ("int8", (emitter, mr) => emitter.Int8(mr)),
        ("fp8", (emitter, mr) => emitter.Fp8(mr)), ("fp4", (emitter, mr) => emitter.Fp4(mr)),
        ("bf16 ahead", (emitter, mr) => emitter.Bf16(mr, Ahead.All)),
        ("bf16 part ahead", (emitter, mr) => emitter.Bf16(mr, Ahead.Part)), ("int8 ahead", (emitter, mr) => emitter.Int8(mr, ahead: true)),
        ("fp8 ahead", (emitter, mr) => emitter.Fp8(mr, Ahead.All)), ("fp8 part ahead", (emitter, mr) => emitter.Fp8(mr, Ahead.Part)), ("fp4 ahead", (emitter, mr) => emitter.Fp4(mr, ahead: true)),
        ("bf16 of four panels", (emitter, _) => emitter.Bf16FourPanels()), ("fp8 of four panels", (emitter, _) => emitter.Fp8FourPanels()),
    ];

    /// <summary>What a function of the System V convention may change.</summary>
    private static readonly HashSet<Iced.Intel.Register> Volatile =
    [
        Iced.Intel.Register.RAX, Iced.Intel.Register.RCX, Iced.Intel.Register.RDX, Iced.Intel.Register.RSI, Iced.Intel.Register.RDI,
        Iced.Intel.Register.R8, Iced.Intel.Register.R9, Iced.Intel.Register.R10, Iced.Intel.Register.R11,
    ];

    [Fact]
    public void Every_kernel_decodes_jumps_within_itself_and_leaves_the_callers_registers_alone()
    {
        foreach (var (name, emit) in Kernels)
        {
            for (var mr = 1; mr <= KernelSet.TileTokens; mr++)
            {
                var assembler = new Assembler();
                emit(new TileEmitter(assembler), mr).ShouldBe(0);
                var length = assembler.Position;
                var all = AssemblerTests.Decode(assembler.Finish().ToArray());
                var code = all.TakeWhile(instruction => instruction.IP < (ulong)length).ToList();
                code[^1].Mnemonic.ShouldBe(Mnemonic.Ret, name);
                code[^1].NextIP.ShouldBe((ulong)length);
                var starts = code.Select(instruction => instruction.IP).ToHashSet();
                var factory = new InstructionInfoFactory();
                foreach (var instruction in code)
                {
                    instruction.IsInvalid.ShouldBeFalse($"{name}, {mr} tokens, at {instruction.IP:x}");
                    if (instruction.IsJccShortOrNear) starts.ShouldContain(instruction.NearBranchTarget);
                    foreach (var used in factory.GetInfo(instruction).GetUsedRegisters())
                    {
                        var writes = used.Access is OpAccess.Write or OpAccess.ReadWrite or OpAccess.CondWrite or OpAccess.ReadCondWrite;
                        if (writes && used.Register.IsGPR() && instruction.Mnemonic != Mnemonic.Ret)
                        {
                            Volatile.ShouldContain(used.Register.GetFullRegister(), $"{name}, {mr} tokens: {instruction}");
                        }
                    }
                }
            }
        }
    }

    [Fact]
    public void Every_output_has_one_accumulator_at_every_number_of_tokens()
    {
        foreach (var (name, emit) in Kernels.SkipLast(2)) // of four panels: another shape
        {
            for (var mr = 1; mr <= KernelSet.TileTokens; mr++)
            {
                var assembler = new Assembler();
                emit(new TileEmitter(assembler), mr);
                var length = (ulong)assembler.Position;
                var sums = AssemblerTests.Decode(assembler.Finish().ToArray()).TakeWhile(instruction => instruction.IP < length)
                    .Where(instruction => instruction.Mnemonic is Mnemonic.Vdpbf16ps or Mnemonic.Vpdpbusd)
                    .Select(instruction => instruction.Op0Register).Distinct();
                sums.ShouldBe(Enumerable.Range(0, 2 * mr).Select(i => Iced.Intel.Register.ZMM0 + i), ignoreOrder: true, name);
            }
        }
    }
}
