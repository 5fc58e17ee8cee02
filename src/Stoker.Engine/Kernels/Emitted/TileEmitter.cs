using System.Numerics;
using static Stoker.Engine.Kernels.Emitted.Memory;

namespace Stoker.Engine.Kernels.Emitted;

/// <summary>Writes the tiles: mr tokens by the 32 rows of a panel, two vectors of sums per token.</summary>
/// <remarks>
/// A kernel is called with (rdi weights, rsi activations, rdx outputs, rcx steps, r8 bytes from one token's outputs to the
/// next, r9 zero: the sums start at nothing, else at the outputs; with a part to fetch <see cref="AheadPart.Argument"/>). A step is a
/// pair of columns in bf16 and a quad in the 8 and 4 bit formats. The sums of token i are registers 2i and 2i + 1. With one to seven tokens fewer registers are
/// used and nothing else changes, so an output's bits do not depend on the number of tokens.
/// </remarks>
internal sealed partial class TileEmitter(Assembler code)
{
    private const int Rows = 32;
    private const int VectorBytes = 64;

    /// <summary>Bytes of a bf16 pair or a quad of bytes of 32 rows.</summary>
    public const int StepBytes = Rows * 4;

    // Bytes of a block of columns, for the tiles that fetch all of the next; registers that are otherwise free.
    private const Register BlockOfBf16 = Register.R10;
    private const Register Block = Register.R9;

    // For the tiles that fetch a part.
    private const Register AheadAt = Register.R10;
    private const Register AheadBytes = Register.R11;

    private const int Fp8Lower = 16;
    private const int Fp8Upper = 18;
    private const int Fp8Sign = 20;
    private const int Fp8Pairs = 24;

    /// <summary>Steps per round of the loop; one would spend a tenth of the slots on counting.</summary>
    private const int Unroll = 4;

    /// <summary>Weights [pairs][32][2] bf16, activations [pairs][mr][2] bf16.</summary>
    /// <param name="ahead">What it fetches of the block behind this one while it computes.</param>
    public int Bf16(int mr, Ahead ahead = Ahead.Nothing)
    {
        var start = code.Align();
        if (ahead == Ahead.Part) StartPart();
        StartSums(mr, firstSum: 0);
        if (ahead == Ahead.All) StartAhead(BlockOfBf16, StepBytes);
        RepeatSteps(unroll => Bf16Steps(mr, unroll, ahead));
        StoreSums(mr, firstSum: 0);
        code.Return();
        return start;
    }

    /// <summary>Weights as Fp8 panels hold them, without the rows' scales; activations as for <see cref="Bf16"/>.</summary>
    /// <remarks>
    /// Two tables of 128 bytes give the lower and the upper byte of each number's bf16, exactly and with subnormals; the
    /// sign joins the upper one.
    /// </remarks>
    public int Fp8(int mr, Ahead ahead = Ahead.Nothing)
    {
        var start = code.Align();
        LoadFp8Tables();
        if (ahead == Ahead.Part) StartPart();
        StartSums(mr, firstSum: 0);
        if (ahead == Ahead.All) StartAhead(Block, StepBytes);
        var loop = code.Position;
        DecodeFp8(Register.Rdi);
        if (ahead == Ahead.All) FetchAhead(Block, 0);
        if (ahead == Ahead.Part) FetchPart();
        for (var pair = 0; pair < 2; pair++)
        {
            for (var token = 0; token < mr; token++)
            {
                var x = 28 + (token % 4);
                code.LoadRepeated(x, At(Register.Rsi, ((pair * mr) + token) * sizeof(int)));
                code.DotBf16(2 * token, Fp8Pairs + (2 * pair), x);
                code.DotBf16((2 * token) + 1, Fp8Pairs + (2 * pair) + 1, x);
            }
        }

        code.Add(Register.Rdi, StepBytes);
        code.Add(Register.Rsi, 2 * mr * sizeof(int));
        code.Subtract(Register.Rcx, 1);
        code.JumpIfNotZero(loop);
        StoreSums(mr, firstSum: 0);
        code.Return();
        return start;
    }

    private void LoadFp8Tables()
    {
        for (var part = 0; part < 2; part++)
        {
            code.LoadConstant(Fp8Lower + part, Fp8Bytes(part, shift: 0));
            code.LoadConstant(Fp8Upper + part, Fp8Bytes(part, shift: 8));
        }

        code.LoadConstant(Fp8Sign, Filled(0x80));
    }

    /// <summary>A quad of columns of 32 rows to bf16 pairs in the registers from <see cref="Fp8Pairs"/> on: [pair][half].</summary>
    private void DecodeFp8(Register weights)
    {
        const int Packed = 21, LowBytes = 22, HighBytes = 23;
        for (var half = 0; half < 2; half++)
        {
            code.Load(Packed, At(weights, half * VectorBytes));
            code.Move(LowBytes, Packed);
            code.Move(HighBytes, Packed);
            code.PermuteTwoTables(LowBytes, Fp8Lower, Fp8Lower + 1);
            code.PermuteTwoTables(HighBytes, Fp8Upper, Fp8Upper + 1);
            code.OrAnd(HighBytes, Packed, Fp8Sign);
            code.InterleaveLowBytes(Fp8Pairs + half, LowBytes, HighBytes);
            code.InterleaveHighBytes(Fp8Pairs + 2 + half, LowBytes, HighBytes);
        }
    }

    /// <summary>A few tokens compute on each line of weights for so long that the hardware's own prefetching lags.</summary>
    private void StartAhead(Register block, int stepBytes)
    {
        code.Move(block, Register.Rcx);
        code.ShiftLeft(block, BitOperations.Log2((uint)stepBytes));
    }

    private void FetchAhead(Register block, int offset)
    {
        code.PrefetchFromRdi(block, offset);
        code.PrefetchFromRdi(block, offset + VectorBytes);
    }

    private void StartPart()
    {
        code.Move(AheadAt, Register.R9);
        code.ShiftRight(AheadAt, AheadPart.StartShift);
        code.Add(AheadAt, Register.Rdi);
        code.Move(AheadBytes, Register.R9);
        code.ShiftRight(AheadBytes, AheadPart.BytesShift);
        code.And(AheadBytes, AheadPart.BytesMask);
        code.And(Register.R9, 1);
    }

    /// <summary>Steps may ask for the same line again, or for one that begins before their part.</summary>
    private void FetchPart()
    {
        code.Prefetch(AheadAt);
        code.Add(AheadAt, AheadBytes);
    }

    private void Bf16Steps(int mr, int steps, Ahead ahead)
    {
        for (var step = 0; step < steps; step++)
        {
            const int First = 28, Second = 29;
            code.Load(First, At(Register.Rdi, step * StepBytes));
            code.Load(Second, At(Register.Rdi, (step * StepBytes) + VectorBytes));
            if (ahead == Ahead.All) FetchAhead(BlockOfBf16, step * StepBytes);
            if (ahead == Ahead.Part) FetchPart();
            for (var token = 0; token < mr; token++)
            {
                var offset = ((step * mr) + token) * sizeof(int);
                var x = 16 + (((step * mr) + token) % 12);
                code.LoadRepeated(x, At(Register.Rsi, offset));
                code.DotBf16(2 * token, First, x);
                code.DotBf16((2 * token) + 1, Second, x);
            }
        }

        code.Add(Register.Rsi, steps * mr * sizeof(int));
    }

    /// <summary>Runs rcx steps: rounds of <see cref="Unroll"/>, then the rest one by one. Moves rdi on; the body moves rsi.</summary>
    private void RepeatSteps(Action<int> steps)
    {
        // The number of rounds is kept in r9, whose flag has been read.
        code.Move(Register.R9, Register.Rcx);
        code.ShiftRight(Register.R9, 2);
        var noRounds = code.JumpIfZero();
        Loop(Register.R9, Unroll);
        code.Land(noRounds);
        code.And(Register.Rcx, Unroll - 1);
        var noRest = code.JumpIfZero();
        Loop(Register.Rcx, 1);
        code.Land(noRest);

        void Loop(Register count, int unroll)
        {
            var loop = code.Position;
            steps(unroll);
            code.Add(Register.Rdi, unroll * StepBytes);
            code.Subtract(count, 1);
            code.JumpIfNotZero(loop);
        }
    }

    /// <summary>Sums start at the outputs or at zero.</summary>
    private void StartSums(int mr, int firstSum)
    {
        var fresh = BranchIfFresh();
        code.Move(Register.Rax, Register.Rdx);
        for (var token = 0; token < mr; token++)
        {
            code.Load(firstSum + (2 * token), At(Register.Rax));
            code.Load(firstSum + (2 * token) + 1, At(Register.Rax, VectorBytes));
            if (token + 1 < mr) code.Add(Register.Rax, Register.R8);
        }

        Rejoin(fresh, () =>
        {
            for (var sum = 0; sum < 2 * mr; sum++) code.Zero(firstSum + sum);
        });
    }

    private void StoreSums(int mr, int firstSum)
    {
        for (var token = 0; token < mr; token++)
        {
            code.Store(At(Register.Rdx), firstSum + (2 * token));
            code.Store(At(Register.Rdx, VectorBytes), firstSum + (2 * token) + 1);
            if (token + 1 < mr) code.Add(Register.Rdx, Register.R8);
        }
    }

    private int BranchIfFresh()
    {
        code.Test(Register.R9);
        return code.JumpIfZero();
    }

    /// <summary>Ends the branch of <see cref="BranchIfFresh"/>: what happens only when the sums start at zero.</summary>
    private void Rejoin(int fresh, Action whenFresh)
    {
        code.Test(Register.R9); // not zero here: the jump is taken
        var over = code.JumpIfNotZero();
        code.Land(fresh);
        whenFresh();
        code.Land(over);
    }

    private static byte[] Filled(byte value)
    {
        var bytes = new byte[VectorBytes];
        for (var i = 0; i < bytes.Length; i++) bytes[i] = value;
        return bytes;
    }

    private static byte[] Fp8Bytes(int part, int shift)
    {
        var bytes = new byte[VectorBytes];
        for (var i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)(BitConverter.SingleToUInt32Bits(Weights.Fp8.ToSingle((byte)((part * VectorBytes) + i))) >> (16 + shift));
        }

        return bytes;
    }
}
